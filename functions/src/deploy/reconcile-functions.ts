import { getApp, getApps, initializeApp } from 'firebase-admin/app';
import { getFunctions } from 'firebase-admin/functions';
import { info, warn } from 'firebase-functions/logger';
import { onSchedule } from 'firebase-functions/v2/scheduler';
import { onTaskDispatched } from 'firebase-functions/v2/tasks';
import { DATABASE_CLOCK, parseClock } from '../completions-only/postgres/reconcile-runs';
import { recentDays } from '../completions-only/reconcile/date-range';
import type { ReconcileContext } from '../completions-only/reconcile/reconcile';
import { doTask, parseTask, startTasks } from '../completions-only/reconcile/reconcile-tasks';
import { createRtdbTree } from '../completions-only/rtdb-tree';
import type { Connections } from '../postgres/connections';
import { failingLoggably } from '../postgres/loggable-failure';
import { sqlstateOf } from '../postgres/sqlstate';
import { errorName } from '../values/error-text';
import { openPostgres, openRtdb } from './from-environment';
import { DATABASE_URL, RTDB_REGION, readSettings, regionOf } from './settings';

const SHARD_TRIES = 5;
/** A shard reads by slices, several at once: more than a mirror instance needs. */
const CONNECTIONS = 2;

const common = { region: RTDB_REGION, secrets: [DATABASE_URL], timeoutSeconds: 540 };

/** Every hour: begins a comparison of both stores, a task for each shard of couples. */
export const mirrorReconcile = onSchedule(
  { ...common, schedule: 'every 60 minutes', memory: '1GiB', maxInstances: 1 },
  () => failingLoggably(beginRun()),
);

/** Compares one shard of couples; what fails is tried again. */
export const mirrorReconcileCouples = onTaskDispatched(
  {
    ...common,
    memory: '512MiB',
    // Differences wait for their second look without using the CPU.
    concurrency: 4,
    maxInstances: 5,
    retryConfig: { maxAttempts: SHARD_TRIES, minBackoffSeconds: 20, maxBackoffSeconds: 300 },
    rateLimits: { maxConcurrentDispatches: 10 },
  },
  ({ data, retryCount }) =>
    failingLoggably(compareShard(data, (retryCount ?? 0) >= SHARD_TRIES - 1)),
);

let statements: Connections | null = null;

/** Nothing is read or written before it is known that the two stores belong together. */
async function reconcileContext(): Promise<ReconcileContext> {
  const rtdb = openRtdb(process.env);
  statements ??= openPostgres(process.env, CONNECTIONS);
  await rtdb.expectOwn(statements);
  return {
    statements,
    rtdb: createRtdbTree(rtdb),
    retentionDays: readSettings(process.env).retentionDays,
    onHoursNotCounted: (error) =>
      warn('hourly arrivals were not counted', {
        sqlstate: sqlstateOf(error),
        error: errorName(error),
      }),
  };
}

async function beginRun(): Promise<void> {
  const context = await reconcileContext();
  const { reconcileDays, reconcileGraceMs } = readSettings(process.env);
  const now = parseClock(await context.statements.run(DATABASE_CLOCK, []));
  const request = {
    ...recentDays(new Date(now), reconcileDays),
    graceMs: reconcileGraceMs,
    couples: null,
  };
  if (getApps().length === 0) initializeApp();
  // Tasks are served where the functions are, next to the database.
  const name = `locations/${regionOf(process.env)}/functions/mirrorReconcileCouples`;
  const queue = getFunctions(getApp()).taskQueue(name);
  const started = await startTasks(request, context, (task) =>
    queue.enqueue(task, { dispatchDeadlineSeconds: 540 }),
  );
  info('reconcile run started', { run_id: started.runId, shards: started.shards });
}

/**
 * @param data the task's payload
 * @param isLastTry whether the queue gives up when this one fails
 */
async function compareShard(data: unknown, isLastTry: boolean): Promise<void> {
  const summary = await doTask(parseTask(data), await reconcileContext(), isLastTry);
  if (summary !== null) {
    info('reconcile run finished', {
      run_id: summary.runId,
      consistency: summary.consistency,
      couples: summary.couples,
      matched: summary.matched,
      missing_in_postgres: summary.missingInPostgres,
      missing_in_rtdb: summary.missingInRtdb,
      value_mismatch: summary.valueMismatch,
      in_flight: summary.inFlight,
      rtdb_bytes: summary.rtdbBytes,
    });
  }
}
