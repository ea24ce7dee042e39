import { setTimeout as delay } from 'node:timers/promises';
import { connectError } from './connect-error';

const FIRST_DELAY_MS = 100;
/** Also how late an instance may notice that Postgres is back. */
const MAX_DELAY_MS = 1_000;

/**
 * How long after a failed connect the next may begin, in milliseconds: doubling, with jitter, so that
 * instances that lost Postgres together don't come back together.
 *
 * @param failures connects that failed in a row
 * @param random from 0 up to 1
 */
export function connectDelayMs(failures: number, random: number): number {
  if (failures === 0) return 0;
  const ceilingMs = Math.min(FIRST_DELAY_MS * 2 ** (failures - 1), MAX_DELAY_MS);
  return ceilingMs * (0.5 + random / 2);
}

/**
 * What all connections of an instance pass before they connect. While Postgres is away, redelivered
 * events would else make it as many attempts as a refusal is fast. Who waits here shares the attempt
 * that follows: so a failing event also holds its place on the instance for about a second, and
 * that is what bounds how many the platform can fail a second.
 */
export class ConnectGate {
  #failures = 0;
  #opensAt = 0;

  /**
   * Connects as soon as it may: at once where the last attempt did not fail. Whether a connection that
   * was made is good is the caller's to say.
   *
   * @throws ConnectError
   */
  async pass<T>(connect: () => Promise<T>): Promise<T> {
    const waitMs = this.#opensAt - performance.now();
    if (waitMs > 0) await delay(waitMs);
    try {
      return await connect();
    } catch (cause) {
      this.failed();
      throw connectError(cause);
    }
  }

  succeeded(): void {
    this.#failures = 0;
    this.#opensAt = 0;
  }

  failed(): void {
    this.#failures += 1;
    this.#opensAt = performance.now() + connectDelayMs(this.#failures, Math.random());
  }
}
