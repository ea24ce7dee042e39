import { UsageError } from '../errors/usage-error';
import type { DayRange } from '../readings/plan-reading';
import { isRealDate } from '../values/time-grammar';

/**
 * The days that --from and --to name, both included; null where neither is given.
 *
 * @throws UsageError that says what is wrong
 */
export function dateRangeOption({ from, to }: { from?: string; to?: string }): DayRange | null {
  if (from === undefined && to === undefined) return null;
  if (!from || !to) {
    throw new UsageError('--from and --to: which days? (YYYY-MM-DD, both included)');
  }
  for (const date of [from, to]) {
    if (!isRealDate(date)) {
      throw new UsageError(`--from, --to: ${date} isn't a calendar date, YYYY-MM-DD`);
    }
  }
  if (from > to) throw new UsageError(`--from, --to: ${from} comes after ${to}`);
  return { from, to };
}
