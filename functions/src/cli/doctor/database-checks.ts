import type { ClientConfig } from 'pg';
import { isTooOld } from '../migrate/server-version';
import { parseServerAndLogin, SERVER_AND_LOGIN } from './access-catalog';
import { type Check, type Diagnosis, fail, ok, warn } from './check';
import { type PoolerMode, probePooler } from './pooler';

/** Whether the server is one that the migrations run on. Pure. */
export function versionCheck(server: { version: string; versionNumber: number }): Diagnosis {
  if (!isTooOld(server.versionNumber)) return ok(`answers, version ${server.version}`);
  return fail(`version ${server.version} is too old`, 'use PostgreSQL 15 or newer');
}

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
    run: async ({ statements }) =>
      versionCheck(parseServerAndLogin(await statements.run(SERVER_AND_LOGIN, []))),
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
