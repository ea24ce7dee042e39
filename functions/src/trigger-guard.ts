import type { CloudEvent, CloudFunction } from 'firebase-functions/v2/core';

type RawEvent = Record<string, unknown>;

/**
 * Puts a check before a database trigger. The SDK reads `event.data.data` and `event.data.delta` on
 * its own: without data it throws, and the platform would deliver the event again for a whole day;
 * with neither of the two it would see a deletion that nobody made.
 *
 * @param trigger what `onValueWritten` made; its deployment metadata stays with it
 * @param refuse gets an event without data instead of the trigger
 */
export function guardData<E extends CloudEvent<unknown>>(
  trigger: CloudFunction<E>,
  refuse: (raw: RawEvent) => Promise<void>,
): CloudFunction<E> {
  const guarded = (raw: CloudEvent<unknown>) =>
    hasChange(raw.data) ? trigger(raw) : refuse({ ...raw });
  return Object.assign(guarded, trigger);
}

function hasChange(data: unknown): boolean {
  return typeof data === 'object' && data !== null && ('data' in data || 'delta' in data);
}
