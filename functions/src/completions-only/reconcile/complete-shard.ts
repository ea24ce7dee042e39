import { LOG_FINDINGS } from '../postgres/reconcile-findings';
import { parseTally, TALLY_RUN } from '../postgres/reconcile-runs';
import { FINISH_SHARD, shardValues } from '../postgres/reconcile-shards';
import { countsOf, type FirstLook, settleDifferences } from './compare-shard';
import { explainMismatches } from './explain-mismatches';
import { findingsOf } from './findings-of';
import type { Sides } from './read-sides';
import type { ReconcileContext, ReconcileRequest } from './reconcile';
import { timeOf } from './time-of';

/** Findings that go into one statement. */
const FINDINGS_AT_ONCE = 500;

/** Which shard of which run. */
export interface ShardId {
  runId: number;
  shard: number;
}

/**
 * What follows a shard's first look: settles what differed, logs what stands with its cause, and
 * counts the shard as done. All of it may be done twice: the run counts once.
 *
 * @returns whether the run is finished with it
 */
export async function completeShard(
  { runId, shard }: ShardId,
  look: FirstLook,
  request: ReconcileRequest,
  context: ReconcileContext,
  sides: Sides,
  rtdbBytes: () => number,
): Promise<boolean> {
  const settled = await settleDifferences(look.differences, request, sides);
  const now = await timeOf(context);
  const findings = await explainMismatches(settled.standing, context.statements, {
    now,
    retentionDays: context.retentionDays,
  });
  for (let start = 0; start < findings.length; start += FINDINGS_AT_ONCE) {
    const batch = findingsOf(findings.slice(start, start + FINDINGS_AT_ONCE));
    await context.statements.run(LOG_FINDINGS, [runId, batch, 'reconciler']);
  }
  const counts = countsOf(look, settled, { ...sides.meter, rtdbBytes: rtdbBytes() });
  await context.statements.run(FINISH_SHARD, shardValues(runId, shard, counts));
  return parseTally(await context.statements.run(TALLY_RUN, [runId]));
}
