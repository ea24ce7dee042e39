import type { CloudEvent, CloudFunction } from 'firebase-functions/v2/core';

type RawEvent = Record<string, unknown>;

/**
 * Puts a check before a database trigger. The SDK reads `event.data.data` on its own, and throws
 * where there is no data: the platform would deliver such an event again for a whole day.
 *
 * @param trigger what `onValueWritten` made; its deployment metadata stays with it
 * @param refuse gets an event without data instead of the trigger
 */
export function guardData<E extends CloudEvent<unknown>>(
  trigger: CloudFunction<E>,
  refuse: (raw: RawEvent) => Promise<void>,
): CloudFunction<E> {
  const guarded = (raw: CloudEvent<unknown>) =>
    isReadable(raw.data) ? trigger(raw) : refuse({ ...raw });
  return Object.assign(guarded, trigger);
}

function isReadable(data: unknown): boolean {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}
