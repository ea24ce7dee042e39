import { write } from 'firebase-functions/logger';
import { onSchedule, type ScheduleFunction } from 'firebase-functions/v2/scheduler';
import { countFigures } from '../dashboard/count-figures';
import { judgeAndNote } from '../gate/read-gate';
import type { MirroredPath } from '../paths/mirrored-path';
import type { Connections } from '../postgres/connections';
import { failingLoggably, loggableFailure } from '../postgres/loggable-failure';
import { sqlstateOf } from '../postgres/sqlstate';
import { workQueue } from '../readings/queue';
import { newUsage } from '../rtdb/rtdb-transport';
import { errorName } from '../values/error-text';
import { openPostgres, openReadings, openRtdb } from './from-environment';
import { SERVICE_CONNECTIONS } from './service-connections';
import { DATABASE_URL, RTDB_REGION } from './settings';

/** Requests to RTDB at once, and as many statements: while one waits, others work. */
const CONCURRENCY = 64;
const TIMEOUT_S = 540;
/** What is under way when the time is up gets this long: a reading waits for RTDB four times at most. */
const LAST_MS = 150_000;
/** Shards that fail are told one by one up to here; `mirror.readings` has them all. */
const MAX_FAILURES_LOGGED = 20;

/**
 * Every quarter of an hour: reads the shards that are due from both stores, until none is, or the time is up, and
 * judges. What is left is due the next time.
 */
export function reconcileFunction(paths: readonly MirroredPath[]): ScheduleFunction {
  const round = createRound(paths);
  return onSchedule(
    {
      region: RTDB_REGION,
      secrets: [DATABASE_URL],
      schedule: 'every 15 minutes',
      memory: '512MiB',
      maxInstances: 1,
      timeoutSeconds: TIMEOUT_S,
    },
    () => failingLoggably(round()),
  );
}

function createRound(paths: readonly MirroredPath[]): () => Promise<void> {
  let statements: Connections | null = null;
  return async () => {
    const startedAt = performance.now();
    const usage = newUsage();
    const rtdb = { ...openRtdb(process.env), usage };
    statements ??= openPostgres(process.env, SERVICE_CONNECTIONS.mirrorReconcile);
    // Nothing is read or written before it is known that the two stores belong together.
    await rtdb.expectOwn(statements);
    let failures = 0;
    const readings = openReadings(process.env, paths, { statements, rtdb });
    const done = await workQueue({
      ...readings,
      concurrency: CONCURRENCY,
      isOver: () => performance.now() - startedAt > TIMEOUT_S * 1_000 - LAST_MS,
      onFailure(path, _shard, error) {
        failures += 1;
        if (failures <= MAX_FAILURES_LOGGED) logFailure(path, error);
      },
    });
    write({
      severity: done.failed > 0 ? 'WARNING' : 'INFO',
      message: 'shards read',
      read: done.read,
      failed: done.failed,
      is_all_read: done.isIdle,
      rtdb_requests: usage.requests,
      rtdb_bytes: usage.wireBytes,
      ms: Math.round(performance.now() - startedAt),
    });
    await judgeAndNote(statements, readings.times, (rates) => {
      write({ severity: 'INFO', message: 'mirror rates', ...rates });
    });
    // Last: only the dashboard misses it.
    await countFigures(statements, paths);
  };
}

/** Without the shard, which holds user ids: `mirror.readings` has it, with RTDB's own words. */
function logFailure(path: string, error: unknown): void {
  const loggable = loggableFailure(error);
  const reason = loggable instanceof Error ? loggable.message : 'unknown';
  const entry = { path, sqlstate: sqlstateOf(error), error: errorName(error), reason };
  write({ severity: 'WARNING', message: 'a shard could not be read', ...entry });
}
