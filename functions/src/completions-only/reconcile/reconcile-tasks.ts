import { z } from 'zod';
import { isRealDate } from '../../values/event-time';
import { FAIL_RUN, parseRun, READ_RUN } from '../postgres/reconcile-runs';
import { closeRun } from './close-run';
import { lookAtShard } from './compare-shard';
import { completeShard } from './complete-shard';
import { openRun } from './open-run';
import { openSides } from './read-sides';
import type { ReconcileContext, ReconcileRequest, RunSummary } from './reconcile';
import { failing, summaryOf } from './run-record';

const dateSchema = z.string().refine(isRealDate, 'expected a calendar date, YYYY-MM-DD');

/** One shard of a run, as it travels in a queue. */
const taskSchema = z.object({
  runId: z.number().int(),
  shard: z.number().int(),
  after: z.string().nullable(),
  upTo: z.string().nullable(),
  /** RTDB's couples of the range, in order. */
  couples: z.array(z.string()),
  fromDate: dateSchema,
  toDate: dateSchema,
  graceMs: z.number().min(0),
});

export type ReconcileTask = z.infer<typeof taskSchema>;

/** Reads a task's payload. Throws where it is none: the queue is written by nobody else. */
export function parseTask(data: unknown): ReconcileTask {
  return taskSchema.parse(data);
}

/**
 * Begins a run whose shards are done elsewhere, each as a task.
 *
 * @param enqueue puts one task into the queue, which delivers it at least once
 */
export async function startTasks(
  request: ReconcileRequest,
  context: ReconcileContext,
  enqueue: (task: ReconcileTask) => Promise<unknown>,
): Promise<{ runId: number; shards: number }> {
  const { runId, shards } = await openRun(request, context, null);
  const { fromDate, toDate, graceMs } = request;
  await failing(runId, context, async () => {
    for (const { shard, range, couples } of shards) {
      await enqueue({
        ...{ runId, shard, ...range, couples: [...couples] },
        ...{ fromDate, toDate, graceMs },
      });
    }
  });
  return { runId, shards: shards.length };
}

/**
 * Does one task; whoever does the last of them closes the run. Doing it again changes nothing, but for a
 * run that was counted and not closed: the try before may have ended in between.
 *
 * @param isLastTry whether nobody will try again: then the run fails
 * @returns the run, where this closed it; else null
 */
export async function doTask(
  task: ReconcileTask,
  context: ReconcileContext,
  isLastTry: boolean,
): Promise<RunSummary | null> {
  const { runId, fromDate, toDate, graceMs } = task;
  const run = parseRun(await context.statements.run(READ_RUN, [runId]));
  if (run === null || run.status === 'failed' || run.is_closed) return null;
  const request: ReconcileRequest = { fromDate, toDate, graceMs, couples: null };
  const isFinished =
    run.status === 'finished' || (await doShard(task, request, context, isLastTry));
  if (!isFinished) return null;
  await closeRun(runId, request, context);
  return summaryOf(runId, context);
}

/** Compares a task's couples; whether the run is finished with them. */
async function doShard(
  { runId, shard, after, upTo, couples }: ReconcileTask,
  request: ReconcileRequest,
  context: ReconcileContext,
  isLastTry: boolean,
): Promise<boolean> {
  const sides = openSides(context, context.concurrency);
  try {
    const look = await lookAtShard({ range: { after, upTo }, couples }, request, sides);
    const bytes = () => context.rtdb.usage.bytes;
    return await completeShard({ runId, shard }, look, request, context, sides, bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (isLastTry) await context.statements.run(FAIL_RUN, [runId, reason]).catch(() => {});
    throw error;
  }
}
