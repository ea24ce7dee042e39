/** Lines of one second that are always written: what a person can read at most. */
export const LINES_A_SECOND = 50;

/**
 * Decides which lines of events that went well are written: all while it is quiet, a part of them at
 * scale, where nobody reads a line an event, and each is paid for. Which are left out is
 * chance, not the event: a slow one is as likely as any, so the lag of the rest is that of all.
 */
export class RoutineLines {
  #second = Number.NaN;
  #lines = 0;

  /**
   * @param share the part, 0 to 1, that is written beyond the first of each second
   * @param nowMs any clock, in milliseconds
   */
  constructor(
    private readonly share: number,
    private readonly nowMs = () => performance.now(),
    private readonly random = Math.random,
  ) {}

  /** Whether the next line is written. */
  takes(): boolean {
    if (this.share >= 1) return true;
    const second = Math.floor(this.nowMs() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#lines = 0;
    }
    this.#lines += 1;
    return this.#lines <= LINES_A_SECOND || this.random() < this.share;
  }
}
