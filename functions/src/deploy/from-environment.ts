import { type FlagRule, ruleOfParameter } from '../flag/flag-rule';
import { createFlagLog } from '../flag/log-flag';
import { lookAtRemoteConfig } from '../flag/look-at-remote-config';
import { Connections } from '../postgres/connections';
import type { Statements } from '../postgres/statements';
import { accessTokenFor } from '../rtdb/access-token';
import { expectOwnRtdb, onlyOwn } from '../rtdb/own-rtdb';
import { identityOf } from '../rtdb/rtdb-database';
import type { RtdbIdentity } from '../rtdb/rtdb-identity';
import type { RtdbRequestOptions } from '../rtdb/rtdb-request';
import { createRtdbTree, type RtdbTree } from '../rtdb/rtdb-tree';
import { withoutRequestContext } from '../runtime/request-context';
import { prepareEvaluation } from './prepare-evaluation';
import {
  type Environment,
  postgresConfig,
  projectOf,
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

/** The one RTDB that the settings name. */
export interface NamedRtdb {
  options: RtdbRequestOptions;
  identity: RtdbIdentity;
  /** Read unchecked: `expectOwn` first. */
  tree: RtdbTree;
  /**
   * Rejects unless it is the one that the database mirrors; see `expectOwnRtdb`.
   *
   * @param firstUse `leave`: for what only reads
   */
  expectOwn(statements: Statements, firstUse?: 'set' | 'leave'): Promise<void>;
}

/** @throws ConfigurationError as `rtdbConfig` does */
export function openRtdb(env: Environment): NamedRtdb {
  const options = rtdbConfig(env);
  const identity = identityOf(options.database);
  return {
    options,
    identity,
    tree: createRtdbTree(options),
    expectOwn: (statements, firstUse) => expectOwnRtdb(statements, identity, firstUse),
  };
}

/**
 * The same for a service that answers requests: its tree checks itself, at its first reading.
 *
 * @param check lets `expectOwn` use the service's statements
 */
export function openOwnRtdb(
  env: Environment,
  check: (expectOwn: NamedRtdb['expectOwn']) => Promise<void>,
): RtdbTree {
  const { tree, expectOwn } = openRtdb(env);
  return onlyOwn(tree, () => check(expectOwn));
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
  const accessToken = accessTokenFor(undefined);
  const options = { projectId, accessToken, parameter, paths, prepareEvaluation };
  return async (known) => {
    const rule =
      baseUrl === null
        ? ruleOfParameter(parameter)
        : await withoutRequestContext(() => lookAtRemoteConfig(known, { ...options, baseUrl }));
    log(rule);
    return rule;
  };
}
