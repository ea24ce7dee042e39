import { ConfigurationError } from '../../functions/src/configuration-error';
import { parseServerAndLogin, SERVER_AND_LOGIN } from '../../functions/src/postgres/access-catalog';
import { clientConfig } from '../../functions/src/postgres/client-config';
import { type Check, type Diagnosis, fail, ok, warn } from './check';
import { type PoolerMode, probePooler } from './pooler';

const OLDEST_VERSION = 150_000;

/** Whether the connection is encrypted, and with whom. Pure. */
export function tlsCheck(databaseUrl: string, authority: string | undefined): Diagnosis {
  try {
    const { ssl } = clientConfig(databaseUrl, authority);
    if (ssl) return ok(`verified against ${authority ? 'DATABASE_CA' : 'public authorities'}`);
    return ok(`${new URL(databaseUrl).hostname} is this machine: none is needed`);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return fail(error.message, 'give DATABASE_URL as postgres://user:password@host:port/database');
  }
}

/** What the mode of a pooler means for the functions. Pure. */
export function poolerCheck(mode: PoolerMode): Diagnosis {
  if (mode === 'direct') return ok('none: a direct connection, so statements are pipelined');
  if (mode === 'transaction') {
    return ok('transaction mode: DATABASE_POOL_MAX of 2 or 3 helps under load');
  }
  return warn(
    'a pooler in session mode: each function instance holds a connection of the server',
    'use its transaction mode (on Supabase, port 6543)',
  );
}

export const DATABASE_CHECKS: readonly Check[] = [
  {
    name: 'postgres',
    needs: 'postgres',
    run: async ({ statements }) => {
      const { version, versionNumber } = parseServerAndLogin(
        await statements.run(SERVER_AND_LOGIN, []),
      );
      if (versionNumber >= OLDEST_VERSION) return ok(`answers, version ${version}`);
      return fail(`version ${version} is too old`, 'use PostgreSQL 15 or newer');
    },
  },
  {
    name: 'tls',
    needs: 'postgres',
    run: async ({ databaseUrl, authority }) => tlsCheck(databaseUrl, authority),
  },
  {
    name: 'pooler',
    needs: 'postgres',
    run: async ({ databaseUrl, authority }) =>
      poolerCheck(await probePooler(clientConfig(databaseUrl, authority))),
  },
];
