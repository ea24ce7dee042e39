import type { ClientConfig } from 'pg';
import { parseServerAndLogin, SERVER_AND_LOGIN } from '../../postgres/access-catalog';
import { type Check, type Diagnosis, fail, ok, warn } from './check';
import { type PoolerMode, probePooler } from './pooler';

const OLDEST_VERSION = 150_000;

/** Whether the connection is encrypted, and with whom. Pure. */
export function tlsCheck({ host, ssl }: ClientConfig): Diagnosis {
  if (!ssl) return ok(`${host} is this machine: none is needed`);
  const hasAuthority = typeof ssl === 'object' && ssl.ca !== undefined;
  return ok(`verified against ${hasAuthority ? 'DATABASE_CA' : 'public authorities'}`);
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
    run: async ({ postgres }) => tlsCheck(postgres),
  },
  {
    name: 'pooler',
    needs: 'postgres',
    run: async ({ postgres }) => poolerCheck(await probePooler(postgres)),
  },
];
