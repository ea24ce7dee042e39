/**
 * Lets work that holds memory begin while what is under way holds less than a bound, in the order of
 * asking. Work larger than the bound begins alone.
 */
export class ByteBudget {
  #held = 0;
  readonly #waiting: { bytes: number; begin: () => void }[] = [];

  constructor(private readonly maxBytes: number) {}

  /** @returns what to await before beginning; null = nothing. Each is to end with {@link leave}. */
  enter(bytes: number): Promise<void> | null {
    if (this.#waiting.length === 0 && this.#hasRoomFor(bytes)) {
      this.#held += bytes;
      return null;
    }
    return new Promise((begin) => this.#waiting.push({ bytes, begin }));
  }

  leave(bytes: number): void {
    this.#held -= bytes;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#hasRoomFor(next.bytes)) return;
      this.#waiting.shift();
      this.#held += next.bytes;
      next.begin();
    }
  }

  #hasRoomFor(bytes: number): boolean {
    return this.#held === 0 || this.#held + bytes <= this.maxBytes;
  }
}
