import { dateRangeIssue } from '../completions-only/reconcile/date-range';
import type { DateRange } from '../completions-only/reconcile/read-sides';
import { UsageError } from '../errors/mirror-error';

/** The days that --from and --to name; both are needed. Throws UsageError that says what is wrong. */
export function dateRangeOption({ from, to }: { from?: string; to?: string }): DateRange {
  if (!from || !to)
    throw new UsageError('--from and --to: which days? (YYYY-MM-DD, both included)');
  const range = { fromDate: from, toDate: to };
  const issue = dateRangeIssue(range);
  if (issue !== null) throw new UsageError(`--from, --to: ${issue}`);
  return range;
}
