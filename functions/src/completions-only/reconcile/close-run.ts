import { EXPLAIN_MISSED_EVENTS } from '../../divergences/missed-events';
import { CANARY_COUPLE } from '../../paths/quest-completions/canary-couple';
import { LOG_LATE, RESOLVE_GONE } from '../postgres/reconcile-findings';
import { MARK_CLOSED } from '../postgres/reconcile-runs';
import { RETRY_WINDOW_MS } from './explain-mismatches';
import type { ReconcileContext, ReconcileRequest } from './reconcile';
import { timeOf } from './time-of';

/** An event that took longer than the canary's period is told of. */
const LATE_AFTER_SECONDS = 300;

/** What a whole finished run shows: what is gone, and what came late. Safe to repeat after a failure. */
export async function closeRun(
  runId: number,
  request: ReconcileRequest,
  context: ReconcileContext,
): Promise<void> {
  const { statements } = context;
  const asOf = (await timeOf(context)).toISOString();
  await statements.run(RESOLVE_GONE, [runId, request.couples]);
  await EXPLAIN_MISSED_EVENTS.run(statements, {
    runId,
    couples: request.couples,
    asOf,
    retrySeconds: RETRY_WINDOW_MS / 1000,
  });
  await statements.run(LOG_LATE, [runId, LATE_AFTER_SECONDS, CANARY_COUPLE]);
  await statements.run(MARK_CLOSED, [runId]);
}
