import { LOG_LATE, RESOLVE_GONE } from '../postgres/reconcile-findings';
import { CANARY_COUPLE } from '../quests/canary-couple';
import type { ReconcileContext, ReconcileRequest } from './reconcile';

/** An event that took longer than the canary's period is told of. */
const LATE_AFTER_SECONDS = 300;

/** What a whole finished run shows: what is gone, and what came late. Safe to repeat. */
export async function closeRun(
  runId: number,
  request: ReconcileRequest,
  { statements }: ReconcileContext,
): Promise<void> {
  await statements.run(RESOLVE_GONE, [runId, request.couples]);
  await statements.run(LOG_LATE, [runId, LATE_AFTER_SECONDS, CANARY_COUPLE]);
}
