import { getApp, getApps, initializeApp } from 'firebase-admin/app';
import { getFunctions } from 'firebase-admin/functions';
import { info, warn } from 'firebase-functions/logger';
import { DATABASE_CLOCK, parseClock } from '../completions-only/postgres/reconcile-runs';
import { recentDays } from '../completions-only/reconcile/date-range';
import type { ReconcileContext } from '../completions-only/reconcile/reconcile';
import { doTask, parseTask, startTasks } from '../completions-only/reconcile/reconcile-tasks';
import { createRtdbTree } from '../completions-only/rtdb-tree';
import { Connections } from '../postgres/connections';
import { failingLoggably } from '../postgres/loggable-failure';
import { sqlstateOf } from '../postgres/sqlstate';
import type { Statements } from '../postgres/statements';
import { identityOf } from '../rtdb/rtdb-database';
import { expectOwnRtdb } from '../rtdb/rtdb-identity';
import { nameOf } from '../runtime/web-response';
import { postgresConfig, readSettings, regionOf, rtdbConfig } from './settings';

/** A shard reads by slices, several at once: more than a mirror instance needs. */
const CONNECTIONS = 2;

let connections: Connections | null = null;

function postgres(): Statements {
  connections ??= new Connections(postgresConfig(process.env), CONNECTIONS);
  return connections;
}

/** Nothing is read or written before it is known that the two stores belong together. */
async function reconcileContext(): Promise<ReconcileContext> {
  const rtdb = rtdbConfig(process.env);
  await expectOwnRtdb(postgres(), identityOf(rtdb.database));
  return {
    statements: postgres(),
    rtdb: createRtdbTree(rtdb),
    retentionDays: readSettings(process.env).retentionDays,
    onHoursNotCounted: (error) =>
      warn('hourly arrivals were not counted', {
        sqlstate: sqlstateOf(error),
        error: nameOf(error),
      }),
  };
}

/** Begins the hourly run: one task for each shard. */
export function startReconcile(): Promise<void> {
  return failingLoggably(beginRun());
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
 * Compares one shard.
 *
 * @param data the task's payload
 * @param isLastTry whether the queue gives up when this one fails
 */
export function reconcileShard(data: unknown, isLastTry: boolean): Promise<void> {
  return failingLoggably(compareShard(data, isLastTry));
}

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
