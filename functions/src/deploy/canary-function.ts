import { write } from 'firebase-functions/logger';
import { onSchedule, type ScheduleFunction } from 'firebase-functions/v2/scheduler';
import { runCanaryRound } from '../canary/canary-round';
import type { CanaryVerdict } from '../canary/judge-canary';
import type { FlagRule } from '../flag/flag-rule';
import type { MirroredPath } from '../paths/mirrored-path';
import type { Connections } from '../postgres/connections';
import { failingLoggably, loggableFailure } from '../postgres/loggable-failure';
import { sqlstateOf } from '../postgres/sqlstate';
import { readRtdb } from '../rtdb/rtdb-client';
import { errorName } from '../values/error-text';
import { openFlag, openPostgres, openRtdb } from './from-environment';
import { SERVICE_CONNECTIONS } from './service-connections';
import { DATABASE_URL, RTDB_REGION, readSettings } from './settings';

/** With its repeats, a round ends in time though RTDB hangs. */
const RTDB_TIMEOUT_MS = 5_000;

/**
 * Every five minutes: looks for the last canaries and writes the next, a write of the mirror's own through
 * each path's trigger and table. A line for each path: an ERROR where a canary is lost, late or could not fly.
 */
export function canaryFunction(paths: readonly MirroredPath[]): ScheduleFunction {
  const flyAndLog = createRound(paths);
  return onSchedule(
    {
      region: RTDB_REGION,
      secrets: [DATABASE_URL],
      schedule: 'every 5 minutes',
      memory: '256MiB',
      maxInstances: 1,
      timeoutSeconds: 120,
    },
    () => failingLoggably(flyAndLog()),
  );
}

function createRound(paths: readonly MirroredPath[]): () => Promise<void> {
  const names = paths.map(({ name }) => name);
  let statements: Connections | null = null;
  let look: ReturnType<typeof openFlag> | null = null;
  let flag: FlagRule | null = null;
  return async () => {
    const rtdb = { ...openRtdb(process.env), timeoutMs: RTDB_TIMEOUT_MS };
    statements ??= openPostgres(process.env, SERVICE_CONNECTIONS.mirrorCanary);
    await rtdb.expectOwn(statements);
    look ??= openFlag(process.env, readSettings(process.env).mirroringEnabled, names);
    // The canary flies less often than what is known of the flag holds: it looks each time.
    flag = await look(flag);
    await runCanaryRound(paths, {
      statements,
      rtdb: {
        read: (path) => readRtdb(rtdb, { path }),
        write: async (path, value) => void (await readRtdb(rtdb, { path, value })),
      },
      flag,
      now: () => Date.now(),
      onVerdict: logVerdict,
      onFailure: logFailure,
    });
  };
}

/** Whole texts, so that a search of the code for the words of a line finds them. */
const MESSAGES: Readonly<Record<CanaryVerdict['verdict'] | 'disabled', string>> = {
  first: 'canary first',
  arrived: 'canary arrived',
  late: 'canary late',
  lost: 'canary lost',
  disabled: 'canary disabled',
};

function logVerdict(path: string, verdict: CanaryVerdict | null): void {
  const canary = verdict?.verdict ?? 'disabled';
  const lag = verdict !== null && 'lagMs' in verdict ? { lag_ms: verdict.lagMs } : {};
  const severity = canary === 'lost' || canary === 'late' ? 'ERROR' : 'INFO';
  write({ severity, message: MESSAGES[canary], canary, path, ...lag });
}

/** Without the field `canary`: what didn't fly must not look as if it had. */
function logFailure(path: string, error: unknown): void {
  const loggable = loggableFailure(error);
  const reason = loggable instanceof Error ? loggable.message : 'unknown';
  const entry = { path, sqlstate: sqlstateOf(error), error: errorName(error), reason };
  write({ severity: 'ERROR', message: 'no canary flew', ...entry });
}
