import type { RunSummary } from '../../completions-only/reconcile/reconcile';

/** A run in words, for a terminal. */
export function formatRun(run: RunSummary): string {
  const compared = run.matched + run.missingInPostgres + run.missingInRtdb + run.valueMismatch;
  const lines = [
    `Run ${run.runId}, ${run.fromDate} to ${run.toDate}: ${run.status}`,
    `  ${run.couples} couples, ${compared} completions compared, ${rateOf(run)}`,
    `  matched ${run.matched}, missing in Postgres ${run.missingInPostgres}, ` +
      `missing in RTDB ${run.missingInRtdb}, values differ ${run.valueMismatch}, ` +
      `in flight ${run.inFlight}`,
    `  read ${run.rtdbBytes} bytes of RTDB in ${run.rtdbMs} ms, Postgres in ${run.postgresMs} ms`,
  ];
  return `${lines.join('\n')}\n`;
}

function rateOf({ consistency }: RunSummary): string {
  if (consistency === null) return 'so nothing is proven';
  // Cut, not rounded: 99.9996% is not all of it.
  return `${(Math.floor(consistency * 1_000_000) / 10_000).toFixed(4)}% consistent`;
}
