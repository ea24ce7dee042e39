import type { CoverageInterval } from '../../coverage/coverage';
import type { DateRange } from './read-sides';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * The days that writes of these intervals may belong to, as ranges that do not touch. Pure. A phone's
 * date is that of its zone, UTC-12 to UTC+14.
 */
export function daysOfGaps(
  gaps: readonly Pick<CoverageInterval, 'fromAt' | 'toAt'>[],
  now: Date,
): DateRange[] {
  const dateOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const ranges = gaps
    .map(({ fromAt, toAt }) => ({
      fromDate: dateOf(Date.parse(fromAt) - 12 * HOUR_MS),
      toDate: dateOf((toAt === null ? now.getTime() : Date.parse(toAt)) + 14 * HOUR_MS),
    }))
    .sort((a, b) => (a.fromDate < b.fromDate ? -1 : 1));
  const merged: DateRange[] = [];
  for (const range of ranges) {
    const last = merged.at(-1);
    const isNext = last && range.fromDate <= dateOf(Date.parse(last.toDate) + DAY_MS);
    if (last && isNext) {
      if (range.toDate > last.toDate) last.toDate = range.toDate;
    } else merged.push({ ...range });
  }
  return merged;
}
