import { instantOfMillis, millisOf } from '../values/event-time';

const DAY_MS = 24 * 60 * 60 * 1000;
const EARLIEST_MS = Date.UTC(1000, 0, 1);

/**
 * Since when a row has to be written to be within retention: a leaf of an old day that was written since
 * then is a user's own, and so is its removal.
 *
 * @returns a normalized instant
 */
export function retentionBound(eventTime: string, retentionDays: number): string {
  const bound = millisOf(eventTime) - retentionDays * DAY_MS;
  // Retention may reach back beyond the years that Postgres and JS agree on.
  return instantOfMillis(Math.max(bound, EARLIEST_MS)) ?? eventTime;
}

/**
 * Whether a day lies beyond retention: a deletion there is the app's housekeeping, not a user's.
 *
 * @param dateKey the completion's day
 * @param eventTime instant of the write
 * @param retentionDays how many days old a day may be in RTDB; 0 = kept for ever
 */
export function isBeyondRetention(
  dateKey: string,
  eventTime: string,
  retentionDays: number,
): boolean {
  if (retentionDays === 0) return false;
  const ageMs = millisOf(`${eventTime.slice(0, 10)}T00:00:00Z`) - millisOf(`${dateKey}T00:00:00Z`);
  return ageMs > retentionDays * DAY_MS;
}
