import { isRealDate } from '../../values/event-time';
import type { DateRange } from './read-sides';

const DAY_MS = 86_400_000;

/**
 * The days that a run compares by default: so many up to today, and tomorrow, since a phone's date
 * may be ahead of UTC's. Pure.
 *
 * @param days at least 1: today is the first of them
 */
export function recentDays(now: Date, days: number): DateRange {
  const dayAt = (offset: number) =>
    new Date(now.getTime() + offset * DAY_MS).toISOString().slice(0, 10);
  return { fromDate: dayAt(1 - days), toDate: dayAt(1) };
}

/** What is wrong with a range of days, or null. */
export function dateRangeIssue({ fromDate, toDate }: DateRange): string | null {
  for (const date of [fromDate, toDate]) {
    if (!isRealDate(date)) return `${date} is no calendar date, YYYY-MM-DD`;
  }
  return fromDate <= toDate ? null : `${fromDate} comes after ${toDate}`;
}
