import { parseServerAndLogin, SERVER_AND_LOGIN } from '../../functions/src/postgres/access-catalog';
import { clientConfig } from '../../functions/src/postgres/client-config';
import { type Check, type Diagnosis, fail, ok, warn } from './check';
import { type PoolerMode, probePooler } from './pooler';

const OLDEST_VERSION = 150_000;
/** What pg takes for "encrypted, and the certificate and host name are verified". */
const VERIFYING = ['prefer', 'require', 'verify-ca', 'verify-full'];

/** Whether the connection is encrypted, and with whom. Pure. */
export function tlsCheck(databaseUrl: string, authority: string | undefined): Diagnosis {
  const { hostname, searchParams } = new URL(databaseUrl);
  const { ssl } = clientConfig(databaseUrl, authority);
  if (ssl) return ok(`verified against ${authority ? 'DATABASE_CA' : 'public authorities'}`);
  const mode = searchParams.get('sslmode');
  if (mode === null) return ok(`${hostname} is this machine: none is needed`);
  const isLikeLibpq = searchParams.get('uselibpqcompat') === 'true';
  if (VERIFYING.includes(mode) && (!isLikeLibpq || mode === 'verify-full')) {
    return ok(`verified, by sslmode=${mode}`);
  }
  return fail(
    `sslmode=${mode} does not verify whom it talks to`,
    "leave sslmode out of DATABASE_URL, and set DATABASE_CA where the authority isn't public",
  );
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
