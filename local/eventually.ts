import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  timeoutMs?: number;
  /** What is awaited, for the message when it does not come. */
  describe?: string;
  intervalMs?: number;
}

/**
 * Polls until check neither throws nor answers false or null, and returns its answer; a check
 * made of expect() calls may answer nothing. When the time is up, it throws the last failure's
 * reason with it as the cause.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<Awaited<T>, false | null>> {
  const { timeoutMs = 10_000, describe = 'the condition', intervalMs = 50 } = options;
  const deadline = Date.now() + timeoutMs;
  let cause: unknown;
  do {
    try {
      const result = await check();
      if (result !== false && result !== null) return result as Exclude<Awaited<T>, false | null>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await delay(intervalMs);
  } while (Date.now() < deadline);
  const reason = cause instanceof Error ? `: ${cause.message}` : '';
  throw new Error(`Waited ${timeoutMs} ms for ${describe}${reason}`, { cause });
}
