import { write } from 'firebase-functions/logger';
import { flyRound } from '../canary/canary-round';
import type { CanaryVerdict } from '../canary/judge-canary';
import type { FlagRule } from '../flag/flag-rule';
import { createLook } from '../flag/open-flag';
import type { MirroredPath } from '../paths/mirrored-path';
import { Connections } from '../postgres/connections';
import { failingLoggably, loggableFailure } from '../postgres/loggable-failure';
import { sqlstateOf } from '../postgres/sqlstate';
import { readRtdb } from '../rtdb/rtdb-client';
import { identityOf } from '../rtdb/rtdb-database';
import { expectOwnRtdb } from '../rtdb/rtdb-identity';
import { nameOf } from '../runtime/web-response';
import { postgresConfig, readSettings, rtdbConfig } from './settings';

/** Paths are looked at side by side. */
const CONNECTIONS = 2;
/** With its repeats, a round ends in time though RTDB hangs. */
const RTDB_TIMEOUT_MS = 5_000;

let connections: Connections | null = null;
let look: ReturnType<typeof createLook> | null = null;
let flag: FlagRule | null = null;

/**
 * Looks for the last canaries and writes the next, a line for each path: an ERROR where one is lost, late
 * or could not fly.
 */
export function canaryRound(paths: readonly MirroredPath[]): Promise<void> {
  return failingLoggably(flyAndLog(paths));
}

async function flyAndLog(paths: readonly MirroredPath[]): Promise<void> {
  const rtdb = { ...rtdbConfig(process.env), timeoutMs: RTDB_TIMEOUT_MS };
  connections ??= new Connections(postgresConfig(process.env), CONNECTIONS);
  await expectOwnRtdb(connections, identityOf(rtdb.database));
  await flyRound(paths, {
    statements: connections,
    rtdb: {
      read: (path) => readRtdb(rtdb, { path }),
      write: async (path, value) => void (await readRtdb(rtdb, { path, value })),
    },
    flag: await lookAtFlag(paths),
    now: () => Date.now(),
    onVerdict: logVerdict,
    onFailure: logFailure,
  });
}

/** The canary flies less often than what is known of the flag holds: it looks each time. */
async function lookAtFlag(paths: readonly MirroredPath[]): Promise<FlagRule> {
  const { mirroringEnabled } = readSettings(process.env);
  look ??= createLook(
    process.env,
    mirroringEnabled,
    paths.map(({ name }) => name),
  );
  flag = await look(flag);
  return flag;
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
  const entry = { path, sqlstate: sqlstateOf(error), error: nameOf(error), reason };
  write({ severity: 'ERROR', message: 'no canary flew', ...entry });
}
