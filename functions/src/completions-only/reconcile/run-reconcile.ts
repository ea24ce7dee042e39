import { BEAT_RUN, TALLY_RUN } from '../postgres/reconcile-runs';
import { closeRun } from './close-run';
import { lookAtShard } from './compare-shard';
import { completeShard } from './complete-shard';
import { type OpenRun, openRun } from './open-run';
import { openSides } from './read-sides';
import type { ReconcileContext, ReconcileRequest, RunSummary } from './reconcile';
import { failing, summaryOf } from './run-record';

const BEAT_MS = 10_000;
/** Differences that may wait for their second look; beyond, first looks pause: memory is bounded. */
const MAX_WAITING = 50_000;

/** Compares both sides in this process, from beginning to end. */
export async function runReconcile(
  request: ReconcileRequest,
  context: ReconcileContext,
  worker: string | null = null,
): Promise<RunSummary> {
  return workOn(await openRun(request, context, worker), request, context);
}

/** Does all shards of a run, and closes it. Rejects with what failed; the run is `failed` then. */
export function workOn(
  { runId, shards }: OpenRun,
  request: ReconcileRequest,
  context: ReconcileContext,
): Promise<RunSummary> {
  return failing(runId, context, async () => {
    const beat = setInterval(() => {
      context.statements.run(BEAT_RUN, [runId]).catch(() => {});
    }, BEAT_MS);
    try {
      await doShards({ runId, shards }, request, context);
      await context.statements.run(TALLY_RUN, [runId]);
      await closeRun(runId, request, context);
      return await summaryOf(runId, context);
    } finally {
      clearInterval(beat);
    }
  });
}

/** First looks one shard after the other; second looks wait for their grace time beside them. */
async function doShards(
  { runId, shards }: OpenRun,
  request: ReconcileRequest,
  context: ReconcileContext,
): Promise<void> {
  const completing = new Set<Promise<unknown>>();
  const failures: unknown[] = [];
  let waiting = 0;
  let couples = 0;
  let bytesTold = 0;
  const newBytes = () => {
    const bytes = context.rtdb.usage.bytes - bytesTold;
    bytesTold += bytes;
    return bytes;
  };
  for (const shard of shards) {
    while (waiting > MAX_WAITING && failures.length === 0) await Promise.race(completing);
    if (failures.length > 0) break;
    const sides = openSides(context, context.concurrency);
    const look = await lookAtShard(shard, request, sides).catch((error: unknown) => {
      failures.push(error);
    });
    if (!look) break;
    waiting += look.differences.length;
    const id = { runId, shard: shard.shard };
    const done: Promise<unknown> = completeShard(id, look, request, context, sides, newBytes)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => {
        waiting -= look.differences.length;
        completing.delete(done);
      });
    completing.add(done);
    couples += shard.couples.length;
    context.onProgress?.({ couples, waiting });
  }
  // Also after a failure: what was looked at need not be looked at again by whoever resumes.
  await Promise.all(completing);
  if (failures.length > 0) throw failures[0];
}
