import type { ClientConfig } from 'pg';
import { z } from 'zod';
import { query, type RowOf } from '../../postgres/statements';
import { isTooOld } from '../migrate/server-version';
import { type Check, type Diagnosis, fail, ok, warn } from './check';
import { type PoolerMode, probePooler } from './pooler';

/** The server, and the login that asks: what it may do beyond what the functions need. */
const SERVER_AND_LOGIN = query({
  text: `
select
  current_setting('server_version') as version,
  current_setting('server_version_num')::integer as version_number,
  role.rolsuper as is_superuser,
  role.rolbypassrls as bypasses_row_security,
  exists (
    select
    from pg_catalog.pg_roles as writer
    where writer.rolname = 'quest_mirror_writer'
      and pg_has_role(current_user, writer.oid, 'member')
  ) as is_writer,
  exists (
    select
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p')
      and n.nspname in ('mirror', 'rtdb')
      and (
        pg_has_role(current_user, c.relowner, 'usage')
        or has_table_privilege(c.oid, 'delete')
        or has_table_privilege(c.oid, 'truncate')
      )
  ) as may_destroy,
  exists (
    select
    from pg_catalog.pg_namespace as n
    where n.nspname in ('mirror', 'rtdb') and has_schema_privilege(n.oid, 'create')
  ) as may_create
from pg_catalog.pg_roles as role
where role.rolname = current_user
`,
  params: {},
  row: {
    version: z.string(),
    versionNumber: z.number(),
    isSuperuser: z.boolean(),
    bypassesRowSecurity: z.boolean(),
    isWriter: z.boolean(),
    mayDestroy: z.boolean(),
    mayCreate: z.boolean(),
  },
});
type ServerAndLogin = RowOf<typeof SERVER_AND_LOGIN>;

/** Whether the server is one that the migrations run on. Pure. */
export function versionCheck(server: Pick<ServerAndLogin, 'version' | 'versionNumber'>): Diagnosis {
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

/** The login of DATABASE_URL, which is the functions'. Pure. */
export function loginCheck(login: Omit<ServerAndLogin, 'version' | 'versionNumber'>): Diagnosis {
  const { isSuperuser, bypassesRowSecurity, mayDestroy, mayCreate, isWriter } = login;
  const excess = [
    isSuperuser && 'is a superuser',
    bypassesRowSecurity && 'bypasses row level security',
    mayDestroy && 'may delete rows or owns the tables',
    mayCreate && 'may create tables',
  ].filter((one) => one !== false);
  if (excess.length > 0) {
    return warn(
      `this login ${excess.join(', ')}`,
      'give the functions one of their own in quest_mirror_writer: docs/tables.md',
    );
  }
  if (isWriter) return ok('a member of quest_mirror_writer: no delete, no DDL');
  return fail('this login is no member of quest_mirror_writer', 'grant it: docs/tables.md');
}

export const DATABASE_CHECKS: readonly Check[] = [
  {
    name: 'postgres',
    needs: 'postgres',
    run: async ({ statements }) => versionCheck(await SERVER_AND_LOGIN.one(statements)),
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

/** Asked for after the migrations, which make the role. */
export const LOGIN_CHECK: Check = {
  name: 'login',
  needs: 'postgres',
  run: async ({ statements }) => loginCheck(await SERVER_AND_LOGIN.one(statements)),
};
