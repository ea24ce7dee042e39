import { ownTimeOfValue } from '../../paths/quest-completions/completion-value';
import { instantOfMillis, millisOf } from '../../values/event-time';
import type { Mismatch } from './mismatch';

/** Between which instants something happened, in milliseconds since 1970. */
export interface Span {
  fromMs: number;
  toMs: number;
}

const HOUR_MS = 3_600_000;
/** A phone's clock may be that far off. */
const PHONE_SKEW_MS = 5 * 60_000;

/** The day's first moment anywhere on earth (UTC+14) until its last (UTC-12). */
export function spanOfDay(dateKey: string): Span {
  const midnightMs = Date.parse(`${dateKey}T00:00:00Z`);
  return { fromMs: midnightMs - 14 * HOUR_MS, toMs: midnightMs + 36 * HOUR_MS };
}

/** The sane time that RTDB's value itself tells, in milliseconds since 1970, or null. */
export function ownTimeOf({ leaf }: Pick<Mismatch, 'leaf'>, now: Date): number | null {
  if (leaf?.completed !== true) return null;
  const instant = ownTimeOfValue(leaf.payload, instantOfMillis(now.getTime()) ?? '');
  return instant === null ? null : millisOf(instant);
}

/**
 * When the write was made that Postgres does not show, as far as both sides tell: by the value's own
 * time, else within the completion's day, and never before the event that the row shows. Pure.
 *
 * @param rowEventTime normalized instant of that event; null where there is none
 */
export function spanOfWrite(mismatch: Mismatch, rowEventTime: string | null, now: Date): Span {
  const sinceMs = rowEventTime === null ? Number.NEGATIVE_INFINITY : millisOf(rowEventTime);
  const readMs = millisOf(mismatch.readAt);
  const ownMs = ownTimeOf(mismatch, now);
  if (ownMs !== null && ownMs >= sinceMs) {
    return { fromMs: ownMs - PHONE_SKEW_MS, toMs: ownMs + PHONE_SKEW_MS };
  }
  const day = spanOfDay(mismatch.key.dateKey);
  // A completion is made on its day; it may be deleted or changed at any time after.
  const isFirst = mismatch.kind === 'missing_in_postgres' && rowEventTime === null;
  return {
    fromMs: Math.max(day.fromMs, sinceMs),
    toMs: isFirst ? Math.min(day.toMs, readMs) : readMs,
  };
}
