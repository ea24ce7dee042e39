import type { BackfillRequest, BackfillSummary } from '../../completions-only/reconcile/backfill';
import type { Backlog } from '../../completions-only/reconcile/fill-couples';

/** What a backfill did, for a terminal. */
export function formatBackfill(summary: BackfillSummary, request: BackfillRequest): string {
  return (
    `Backfill ${summary.id}, ${daysOf(request)}: inserted ${summary.inserted} of ${summary.leaves} ` +
    `completions of ${summary.couples} couples; the others have a row.\n${refusals(summary.rejected)}`
  );
}

/** What is missing, and what a backfill leaves alone. */
export function formatBacklog(
  backlog: Backlog,
  request: BackfillRequest,
  isDryRun: boolean,
): string {
  const missing = isDryRun
    ? `Of ${backlog.leaves} completions of ${backlog.couples} couples, ${daysOf(request)}, ` +
      `${backlog.missing} have no row and would be inserted.\n${refusals(backlog.rejected)}`
    : '';
  if (backlog.differing === 0) return missing;
  const first = request.ranges[0]?.fromDate;
  const last = request.ranges.at(-1)?.toDate;
  return (
    `${missing}${backlog.differing} rows show something else than RTDB, and are left alone. ` +
    `Look at them with: mirror repair --from ${first} --to ${last}\n`
  );
}

function daysOf({ ranges }: BackfillRequest): string {
  return ranges.map(({ fromDate, toDate }) => `${fromDate} to ${toDate}`).join(', ');
}

function refusals(count: number): string {
  if (count === 0) return '';
  const leaves = count === 1 ? '1 leaf is no completion' : `${count} leaves are no completions`;
  return `${leaves}; the divergence log names what is refused.\n`;
}
