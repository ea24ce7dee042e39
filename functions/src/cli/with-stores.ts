import type { Command } from 'commander';
import { createRtdbTree, type RtdbTree } from '../completions-only/rtdb-tree';
import type { Statements } from '../postgres/statements';
import { identityOf } from '../rtdb/rtdb-database';
import { ADOPT_RTDB, expectOwnRtdb } from '../rtdb/rtdb-identity';
import type { CommandContext } from './context';
import { withDatabaseUrlOption } from './database-url';
import { withPostgres } from './open-postgres';
import { rtdbFromEnvironment } from './rtdb-from-environment';

export interface StoreOptions {
  databaseUrlEnv: string;
  adoptRtdb?: true;
}

/** The options of every verb that reads both stores. */
export function withStoreOptions(command: Command): Command {
  return withDatabaseUrlOption(command).option(
    '--adopt-rtdb',
    'from now on the database mirrors the RTDB that the environment names (docs/runbook.md, "Another RTDB")',
  );
}

/**
 * Both stores, for a verb: Postgres, and the RTDB that it mirrors.
 *
 * @param firstUse `leave`: for a verb that only reads
 * @throws ConfigError, ConfigurationError in one line (exit code 2): settings that are missing or wrong,
 *   Postgres out of reach, another RTDB than the database mirrors
 */
export function withStores<T>(
  env: CommandContext['env'],
  { databaseUrlEnv, adoptRtdb }: StoreOptions,
  work: (statements: Statements, rtdb: RtdbTree) => Promise<T>,
  firstUse: 'set' | 'leave' = 'set',
): Promise<T> {
  const rtdb = rtdbFromEnvironment(env);
  const named = identityOf(rtdb.database);
  return withPostgres(env, databaseUrlEnv, async (statements) => {
    const { instance, host } = named;
    if (adoptRtdb) await ADOPT_RTDB.run(statements, { instance, host });
    await expectOwnRtdb(statements, named, firstUse);
    return work(statements, createRtdbTree(rtdb));
  });
}
