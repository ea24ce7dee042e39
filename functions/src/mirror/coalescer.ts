import { setTimeout as delay } from 'node:timers/promises';
import { withoutRequestContext } from '../runtime/request-context';

/** How a {@link Coalescer} batches and sends. */
export interface CoalescerOptions<Item, Result> {
  /**
   * Sends one batch; answers each item, in the batch's order.
   *
   * @param isAlone whether the one item was told apart from a batch that failed
   */
  send(batch: readonly Item[], isAlone: boolean): Promise<Result[]>;
  /** The row an item is about: a batch holds one item for each row. */
  keyOf(item: Item): string;
  /** The order of two items: of rows first, then of versions of one row. */
  compare(a: Item, b: Item): number;
  /** What an item adds to a statement's size, in bytes. */
  sizeOf(item: Item): number;
  /** How many batches may be on their way at once, as things stand. */
  maxInFlight(): number;
  /** Whether a result is none yet, and the item goes into a later batch once more, a few times. */
  isPending?(result: Result): boolean;
  /**
   * What to do when a batch fails: `split` it (one item may be to blame: each is sent alone), `repeat`
   * it (once; `later`: after a moment in which others are answered), or `fail` all of it.
   */
  onFailure(
    error: unknown,
    wasRepeated: boolean,
    batch: readonly Item[],
  ): 'split' | 'repeat' | 'later' | 'fail';
  /** What an item that failed rejects with; asked once all others of its batch were answered. */
  failureOf?(error: unknown, item: Item): unknown;
}

/** Larger batches gained little when measured (80 rows: 12.8 times single rows). */
const MAX_ITEMS = 100;
const MAX_BYTES = 1024 * 1024;
/** Of all batches on their way: each is held several times over, as text and in buffers. */
const MAX_BYTES_IN_FLIGHT = 2 * MAX_BYTES;
/**
 * This many waiting items don't wait for the end of the turn: under load a turn brings as many
 * events as there are in flight, and Postgres would idle until the last of them is read.
 */
const EAGER_ITEMS = 32;
/** A result that stays pending this often in a row is the answer: no other writer comes so often. */
const MAX_PENDING = 5;
const LATER_MS = 100;

interface Entry<Item, Result> {
  item: Item;
  key: string;
  size: number;
  repeated: boolean;
  pendingCount: number;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

interface Failed<Item, Result> {
  entry: Entry<Item, Result>;
  error: unknown;
}

/**
 * Lets concurrent invocations of one instance share statements. What arrives while statements are
 * in flight goes into the next one. There is no timer: a lone item goes when its turn of the event
 * loop ends, of many the first go sooner. An item whose row is in a batch already waits until that
 * one is answered: a statement can't touch a row twice, and every claim is judged against the row
 * as the one before left it, repeats included.
 */
export class Coalescer<Item, Result> {
  #queue: Entry<Item, Result>[] = [];
  #inFlight = 0;
  #bytesInFlight = 0;
  /** Rows of the batches in flight. */
  readonly #busy = new Set<string>();
  #scheduled = false;

  constructor(private readonly options: CoalescerOptions<Item, Result>) {}

  /** Queues an item; settles with its own result or its own failure. */
  submit(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#queue.push({
        item,
        key: this.options.keyOf(item),
        size: this.options.sizeOf(item),
        repeated: false,
        pendingCount: 0,
        resolve,
        reject,
      });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#queue.length === 0) return;
    const places = this.options.maxInFlight();
    if (this.#inFlight >= places) return;
    // Not at each item from there on: what stays may all wait for rows in flight. Nor into an only
    // place, as through a pooler: the rest of the turn would wait for a whole round trip.
    const isEager = places > 1 && this.#queue.length % EAGER_ITEMS === 0;
    if (isEager) withoutRequestContext(() => this.#flush());
    if (this.#scheduled || this.#queue.length === 0) return;
    this.#scheduled = true;
    // After the I/O callbacks of this turn, so that what arrived together goes together.
    withoutRequestContext(() => setImmediate(() => this.#endTurn()));
  }

  #endTurn(): void {
    this.#scheduled = false;
    this.#flush();
  }

  #flush(): void {
    while (this.#inFlight < this.options.maxInFlight()) {
      const batch = this.#takeBatch();
      if (batch.length === 0) return;
      void this.#dispatch(batch);
    }
  }

  #takeBatch(): Entry<Item, Result>[] {
    const batch = new Map<string, Entry<Item, Result>>();
    const left: Entry<Item, Result>[] = [];
    /** Rows whose item did not fit: a later one of theirs must not overtake it. */
    const passedOver = new Set<string>();
    let bytes = 0;
    let isOutOfRoom = false;
    for (const entry of this.#queue) {
      const { key, size } = entry;
      const rival = batch.get(key);
      if (this.#busy.has(key) || passedOver.has(key)) {
        left.push(entry);
      } else if (rival !== undefined) {
        // The older version of a row goes first, whichever arrived first.
        const entryIsOlder = this.options.compare(entry.item, rival.item) < 0;
        if (entryIsOlder) {
          batch.set(key, entry);
          bytes += size - rival.size;
        }
        left.push(entryIsOlder ? rival : entry);
      } else if (batch.size > 0 && (batch.size >= MAX_ITEMS || bytes + size > MAX_BYTES)) {
        passedOver.add(key);
        left.push(entry);
      } else if (isOutOfRoom || !this.#hasRoomFor(bytes + size)) {
        // Nor anything behind it, or it would wait for as long as smaller items come.
        isOutOfRoom = true;
        left.push(entry);
      } else {
        batch.set(key, entry);
        bytes += size;
      }
    }
    this.#queue = left;
    for (const key of batch.keys()) this.#busy.add(key);
    return [...batch.values()].sort((a, b) => this.options.compare(a.item, b.item));
  }

  /** An item larger than all that may be on its way goes when nothing else is. */
  #hasRoomFor(bytes: number): boolean {
    return this.#bytesInFlight === 0 || this.#bytesInFlight + bytes <= MAX_BYTES_IN_FLIGHT;
  }

  #settle(entry: Entry<Item, Result>, result: Result): void {
    if (!this.options.isPending?.(result) || entry.pendingCount >= MAX_PENDING) {
      entry.resolve(result);
    } else {
      entry.pendingCount += 1;
      entry.repeated = false;
      this.#queue.unshift(entry);
    }
  }

  async #dispatch(batch: Entry<Item, Result>[]): Promise<void> {
    const bytes = batch.reduce((sum, { size }) => sum + size, 0);
    this.#inFlight += 1;
    this.#bytesInFlight += bytes;
    try {
      const failed = await this.#send(batch);
      for (const { entry, error } of failed) {
        entry.reject(this.options.failureOf ? this.options.failureOf(error, entry.item) : error);
      }
    } finally {
      this.#inFlight -= 1;
      this.#bytesInFlight -= bytes;
      for (const { key } of batch) this.#busy.delete(key);
      this.#schedule();
    }
  }

  /** Settles what succeeds; answers what failed. */
  async #send(batch: Entry<Item, Result>[], isAlone = false): Promise<Failed<Item, Result>[]> {
    const items = batch.map((entry) => entry.item);
    try {
      const results = await this.options.send(items, isAlone);
      for (const [index, entry] of batch.entries()) this.#settle(entry, results[index] as Result);
      return [];
    } catch (error) {
      const wasRepeated = batch.some((entry) => entry.repeated);
      const action = this.options.onFailure(error, wasRepeated, items);
      if (action === 'split' && batch.length > 1) {
        return (await Promise.all(batch.map((entry) => this.#send([entry], true)))).flat();
      }
      if ((action === 'repeat' || action === 'later') && !wasRepeated) {
        for (const entry of batch) entry.repeated = true;
        if (action === 'later') await delay(LATER_MS);
        return this.#send(batch, isAlone);
      }
      return batch.map((entry) => ({ entry, error }));
    }
  }
}
