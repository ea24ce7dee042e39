import { millisOf } from '../values/event-time';

const DAY_MS = 24 * 60 * 60 * 1000;

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
