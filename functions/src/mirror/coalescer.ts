/** How a {@link Coalescer} batches and sends. */
export interface CoalescerOptions<Item, Result> {
  /** Sends one batch; answers each item, in the batch's order. */
  send(batch: readonly Item[]): Promise<Result[]>;
  /** The row an item is about: a batch holds one item for each row. */
  keyOf(item: Item): string;
  /** The order of two items: of rows first, then of versions of one row. */
  compare(a: Item, b: Item): number;
  /** What an item adds to a statement's size, in bytes. */
  sizeOf(item: Item): number;
  /** How many batches may be on their way at once, as things stand. */
  maxInFlight(): number;
  /**
   * What to do when a batch fails: `split` it (one item is to blame: each is sent alone), `repeat`
   * it (once), or `fail` all of it.
   */
  onFailure(error: unknown): 'split' | 'repeat' | 'fail';
}

/** Larger batches gained little when measured (80 rows: 12.8 times single rows). */
const MAX_ITEMS = 100;
const MAX_BYTES = 1024 * 1024;

interface Entry<Item, Result> {
  item: Item;
  key: string;
  size: number;
  repeated: boolean;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/**
 * Lets concurrent invocations of one instance share statements. What arrives while statements are
 * in flight goes into the next one; there is no timer, so a lone item is sent at once. An item
 * whose row is already in the batch waits for the next: a statement can't touch a row twice, and
 * every claim is judged against the row as the one before left it.
 */
export class Coalescer<Item, Result> {
  #queue: Entry<Item, Result>[] = [];
  #inFlight = 0;
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
        resolve,
        reject,
      });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#queue.length === 0) return;
    if (this.#inFlight >= this.options.maxInFlight()) return;
    this.#scheduled = true;
    // After the I/O callbacks of this turn, so that what arrived together goes together.
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#queue.length > 0 && this.#inFlight < this.options.maxInFlight()) {
        void this.#dispatch(this.#takeBatch());
      }
    });
  }

  #takeBatch(): Entry<Item, Result>[] {
    const batch = new Map<string, Entry<Item, Result>>();
    const left: Entry<Item, Result>[] = [];
    let bytes = 0;
    for (const entry of this.#queue) {
      const rival = batch.get(entry.key);
      if (rival !== undefined) {
        // The older version of a row goes first, whichever arrived first.
        const entryIsOlder = this.options.compare(entry.item, rival.item) < 0;
        if (entryIsOlder) batch.set(entry.key, entry);
        left.push(entryIsOlder ? rival : entry);
      } else if (batch.size > 0 && (batch.size >= MAX_ITEMS || bytes + entry.size > MAX_BYTES)) {
        left.push(entry);
      } else {
        batch.set(entry.key, entry);
        bytes += entry.size;
      }
    }
    this.#queue = left;
    return [...batch.values()].sort((a, b) => this.options.compare(a.item, b.item));
  }

  async #dispatch(batch: Entry<Item, Result>[]): Promise<void> {
    this.#inFlight += 1;
    try {
      await this.#send(batch);
    } finally {
      this.#inFlight -= 1;
      this.#schedule();
    }
  }

  async #send(batch: Entry<Item, Result>[]): Promise<void> {
    try {
      const results = await this.options.send(batch.map((entry) => entry.item));
      for (const [index, entry] of batch.entries()) entry.resolve(results[index] as Result);
    } catch (error) {
      const action = this.options.onFailure(error);
      if (action === 'split' && batch.length > 1) {
        await Promise.all(batch.map((entry) => this.#send([entry])));
      } else if (action === 'repeat' && !batch.some((entry) => entry.repeated)) {
        for (const entry of batch) entry.repeated = true;
        await this.#send(batch);
      } else {
        for (const entry of batch) entry.reject(error);
      }
    }
  }
}
