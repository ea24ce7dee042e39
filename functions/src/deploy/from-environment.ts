import { type FlagRule, ruleOfParameter } from '../flag/flag-rule';
import { createFlagLog } from '../flag/log-flag';
import { lookAtRemoteConfig } from '../flag/look-at-remote-config';
import type { MirroredPath } from '../paths/mirrored-path';
import { Connections } from '../postgres/connections';
import type { Statements } from '../postgres/statements';
import type { QueueContext } from '../readings/queue';
import { rtdbShards } from '../readings/rtdb-shards';
import type { RtdbAccess } from '../rtdb/rtdb-client';
import { identityOf } from '../rtdb/rtdb-database';
import { expectOwnRtdb, type RtdbIdentity } from '../rtdb/rtdb-identity';
import { withoutRequestContext } from '../runtime/request-context';
import { googleToken } from './google-token';
import { prepareEvaluation } from './prepare-evaluation';
import {
  type Environment,
  kitInstanceOf,
  postgresConfig,
  projectOf,
  proofTimes,
  readSettings,
  remoteConfigUrl,
  rtdbConfig,
} from './settings';

/**
 * Postgres, as functions and verbs open it; it connects at its first statement.
 *
 * @param max how many connections
 * @param variable the name of the URL's variable; the command line has another than the functions
 * @throws ConfigurationError as `postgresConfig` does
 */
export function openPostgres(env: Environment, max: number, variable?: string): Connections {
  return new Connections(postgresConfig(env, variable), max);
}

/** The one RTDB that the settings name, and how it is reached. */
export interface OwnRtdb extends RtdbAccess {
  identity: RtdbIdentity;
  /**
   * To be awaited before anything is read or written: rejects unless the database mirrors this RTDB (see
   * `expectOwnRtdb`).
   *
   * @param firstUse `leave`: for what only reads
   */
  expectOwn(statements: Statements, firstUse?: 'set' | 'leave'): Promise<void>;
}

/** @throws ConfigurationError as `rtdbConfig` does */
export function openRtdb(env: Environment): OwnRtdb {
  const access = rtdbConfig(env);
  const identity = identityOf(access.database);
  return {
    ...access,
    identity,
    expectOwn: (statements, firstUse) => expectOwnRtdb(statements, identity, firstUse),
  };
}

/**
 * What readings need of the environment, beside what they read.
 *
 * @throws ConfigurationError where a parameter is wrong
 */
export function openReadings(
  env: Environment,
  paths: readonly MirroredPath[],
  { statements, rtdb }: { statements: Statements; rtdb: RtdbAccess },
): Omit<QueueContext, 'concurrency' | 'isOver'> {
  return {
    paths,
    statements,
    rtdb: rtdbShards(rtdb),
    times: proofTimes(env),
    retentionDays: readSettings(env).retentionDays,
    prepareEvaluation,
  };
}

/**
 * What the flag says now, by one look; what differs from the look before is logged.
 *
 * @param parameter ENABLE_SUPABASE_DUAL_WRITE of the deployment
 * @param paths the names of all paths
 */
export function openFlag(
  env: Environment,
  parameter: boolean,
  paths: readonly string[],
): (known: FlagRule | null) => Promise<FlagRule> {
  const log = createFlagLog();
  const baseUrl = remoteConfigUrl(env);
  const projectId = projectOf(env);
  const accessToken = googleToken();
  const instance = kitInstanceOf(env);
  const options = { projectId, accessToken, parameter, instance, paths, prepareEvaluation };
  return async (known) => {
    const rule =
      baseUrl === null
        ? ruleOfParameter(parameter)
        : await withoutRequestContext(() => lookAtRemoteConfig(known, { ...options, baseUrl }));
    log(rule);
    return rule;
  };
}
