import type { Command } from 'commander';
import type { Statements } from '../postgres/statements';
import type { RtdbAccess } from '../rtdb/rtdb-client';
import { ADOPT_RTDB } from '../rtdb/rtdb-identity';
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
 * Both stores, for a verb: Postgres, and the RTDB that it mirrors. A line on stderr says which they are.
 *
 * @param firstUse `leave`: for a verb that only reads
 * @throws ConfigurationError where settings are missing or wrong, or name another RTDB than the
 *   database mirrors; ConnectError where Postgres can't be reached
 */
export function withStores<T>(
  { env, writeError }: Pick<CommandContext, 'env' | 'writeError'>,
  { databaseUrlEnv, adoptRtdb }: StoreOptions,
  work: (statements: Statements, rtdb: RtdbAccess) => Promise<T>,
  firstUse: 'set' | 'leave' = 'set',
): Promise<T> {
  const rtdb = rtdbFromEnvironment(env);
  return withPostgres(env, databaseUrlEnv, async (statements) => {
    const { instance, host } = rtdb.identity;
    if (adoptRtdb) await ADOPT_RTDB.run(statements, { instance, host });
    await rtdb.expectOwn(statements, firstUse);
    // Which ones they were is part of every answer.
    writeError(`Reads RTDB ${instance} at ${host} and Postgres at ${statements.address}.\n`);
    return work(statements, rtdb);
  });
}
