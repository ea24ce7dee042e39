import type { CloudEvent, CloudFunction } from 'firebase-functions/v2/core';

type RawEvent = Record<string, unknown>;

/**
 * Puts a check before a database trigger. The SDK reads `ref`, `data.data` and `data.delta` on its
 * own: without a ref or data it throws, and the platform would deliver the event again for a whole
 * day; with neither of the last two it would see a deletion that nobody made.
 *
 * @param trigger what `onValueWritten` made; its deployment metadata stays with it
 * @param refuse gets an event that the SDK can't read instead of the trigger
 */
export function guardReadable<E extends CloudEvent<unknown>>(
  trigger: CloudFunction<E>,
  refuse: (raw: RawEvent) => Promise<void>,
): CloudFunction<E> {
  const guarded = (raw: CloudEvent<unknown>) =>
    'ref' in raw && typeof raw.ref === 'string' && hasChange(raw.data)
      ? trigger(raw)
      : refuse({ ...raw });
  return Object.assign(guarded, trigger);
}

/** Whether data holds the value before the write or the change; either may be left out for null. */
export function hasChange(data: unknown): boolean {
  return typeof data === 'object' && data !== null && ('data' in data || 'delta' in data);
}
