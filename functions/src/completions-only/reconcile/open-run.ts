import { compareUtf8 } from '../../values/utf8-order';
import {
  FAIL_ABANDONED_RUNS,
  parseRun,
  parseRunId,
  READ_RUN,
  RESUME_RUN,
  START_RUN,
} from '../postgres/reconcile-runs';
import {
  ADD_SHARDS,
  PENDING_SHARDS,
  parseShards,
  shardsParameter,
} from '../postgres/reconcile-shards';
import type { Shard } from './compare-shard';
import type { ReconcileContext, ReconcileRequest } from './reconcile';
import { failing } from './run-record';
import { couplesOfRange, shardsOf } from './shards';

/** A run without a sign of life for so long has no worker any more. */
const ABANDONED_AFTER_SECONDS = 15 * 60;
type NumberedShard = Shard & { shard: number };

/** A run that is under way. */
export interface OpenRun {
  runId: number;
  shards: NumberedShard[];
}

/**
 * Begins a run: lists the couples, divides them into shards. Marks runs as failed that somebody
 * left behind.
 *
 * @param worker who works on it, to tell later whether it still lives; null for a queue of tasks
 */
export async function openRun(
  request: ReconcileRequest,
  context: ReconcileContext,
  worker: string | null,
): Promise<OpenRun> {
  const { statements } = context;
  await statements.run(FAIL_ABANDONED_RUNS, [ABANDONED_AFTER_SECONDS]);
  const config = JSON.stringify({ couples: request.couples, grace_ms: request.graceMs });
  const values = [request.fromDate, request.toDate, config, worker];
  const runId = parseRunId(await statements.run(START_RUN, values));
  return failing(runId, context, async () => {
    const shards = shardsOf(await couplesOf(request, context));
    const parameter = shardsParameter(shards.map(({ range }) => range));
    await statements.run(ADD_SHARDS, [runId, parameter]);
    return { runId, shards: shards.map((one, shard) => ({ ...one, shard })) };
  });
}

/** Takes an unfinished run up again: what its finished shards counted stays. */
export async function resumeRun(
  runId: number,
  request: ReconcileRequest,
  context: ReconcileContext,
  worker: string | null,
): Promise<OpenRun> {
  const { statements } = context;
  await statements.run(RESUME_RUN, [runId, worker]);
  return failing(runId, context, async () => {
    const couples = await couplesOf(request, context);
    let pending = parseShards(await statements.run(PENDING_SHARDS, [runId]));
    const run = parseRun(await statements.run(READ_RUN, [runId]));
    if (pending.length === 0 && run?.couples === 0) {
      // It ended before its shards were written, or all of them are done: writing them again is safe.
      const ranges = shardsOf(couples).map(({ range }) => range);
      await statements.run(ADD_SHARDS, [runId, shardsParameter(ranges)]);
      pending = parseShards(await statements.run(PENDING_SHARDS, [runId]));
    }
    const shards = pending.map(({ shard, ...range }) => ({
      shard,
      range,
      couples: couplesOfRange(couples, range, compareUtf8),
    }));
    return { runId, shards };
  });
}

async function couplesOf(request: ReconcileRequest, { rtdb }: ReconcileContext): Promise<string[]> {
  return request.couples === null
    ? rtdb.listCouples()
    : [...new Set(request.couples)].sort(compareUtf8);
}
