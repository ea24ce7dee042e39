import { outsideRequest } from '../outside-request';

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
  /** Whether a result is none yet, and the item goes into a later batch once more. */
  isPending?(result: Result): boolean;
  /**
   * What to do when a batch fails: `split` it (one item is to blame: each is sent alone), `repeat`
   * it (once), or `fail` all of it.
   */
  onFailure(error: unknown): 'split' | 'repeat' | 'fail';
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
/** A result that stays pending this often in a row means something stranger than another writer. */
const MAX_PENDING = 5;

interface Entry<Item, Result> {
  item: Item;
  key: string;
  size: number;
  repeated: boolean;
  pendingCount: number;
  resolve(result: Result): void;
  reject(error: unknown): void;
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
    if (isEager) outsideRequest(() => this.#flush());
    if (this.#scheduled || this.#queue.length === 0) return;
    this.#scheduled = true;
    // After the I/O callbacks of this turn, so that what arrived together goes together.
    outsideRequest(() => setImmediate(() => this.#endTurn()));
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
    if (!this.options.isPending?.(result)) {
      entry.resolve(result);
    } else if (entry.pendingCount >= MAX_PENDING) {
      entry.reject(new Error(`a row stayed contended ${MAX_PENDING} times`));
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
      await this.#send(batch);
    } finally {
      this.#inFlight -= 1;
      this.#bytesInFlight -= bytes;
      for (const { key } of batch) this.#busy.delete(key);
      this.#schedule();
    }
  }

  async #send(batch: Entry<Item, Result>[], isAlone = false): Promise<void> {
    try {
      const items = batch.map((entry) => entry.item);
      const results = await this.options.send(items, isAlone);
      for (const [index, entry] of batch.entries()) this.#settle(entry, results[index] as Result);
    } catch (error) {
      const action = this.options.onFailure(error);
      if (action === 'split' && batch.length > 1) {
        await Promise.all(batch.map((entry) => this.#send([entry], true)));
      } else if (action === 'repeat' && !batch.some((entry) => entry.repeated)) {
        for (const entry of batch) entry.repeated = true;
        await this.#send(batch, isAlone);
      } else {
        for (const entry of batch) entry.reject(error);
      }
    }
  }
}
