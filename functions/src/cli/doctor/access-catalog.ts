import { z } from 'zod';

/** The server, and the login that asks: what it may do beyond what the functions need. */
export const SERVER_AND_LOGIN = `
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
`;

/**
 * The mirror's tables: row level security, who was granted what, and which commands a policy lets the
 * writer do. From the catalogs, which every login may read.
 */
export const TABLE_ACCESS = `
select
  n.nspname as schema_name,
  c.relname as table_name,
  c.relrowsecurity as has_row_security,
  (
    select coalesce(
      jsonb_agg(jsonb_build_object(
        'grantee', coalesce(grantee.rolname, 'public'), 'privilege', acl.privilege_type
      )),
      '[]'
    )
    from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as acl
    left join pg_catalog.pg_roles as grantee on grantee.oid = acl.grantee
    where acl.grantee <> c.relowner
  ) as grants,
  (
    select coalesce(jsonb_agg(policy.polcmd), '[]')
    from pg_catalog.pg_policy as policy
    where policy.polrelid = c.oid
      and exists (
        select
        from pg_catalog.pg_roles as writer
        where writer.rolname = 'quest_mirror_writer' and writer.oid = any (policy.polroles)
      )
  ) as writer_policies
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p')
  and n.nspname in ('mirror', 'rtdb')
order by n.nspname, c.relname
`;

/** What the migration runner has recorded; fails where no migration ever ran. */
export const MIGRATION_HISTORY = `
select name, checksum from mirror.schema_migrations order by name collate "C"
`;

/** What the migrations have declared, and not removed. */
export const MIGRATED_PATHS = `
select path, declaration_hash as hash, to_regclass(relation) is not null as has_table
from mirror.paths
where removed_at is null
order by path
`;

/** When mirroring of completions began (a day of UTC), and whether any event was mirrored. */
export const BEGINNING = `
select
  to_char(p.began_at at time zone 'UTC', 'YYYY-MM-DD') as began_on,
  (clock_timestamp() at time zone 'UTC')::date - (p.began_at at time zone 'UTC')::date as days_ago,
  exists (select from rtdb.quest_completions where origin = 'rtdb') as has_events
from mirror.paths as p
where p.path = 'quest_completions' and p.removed_at is null
`;

const LOGIN = z.object({
  version: z.string(),
  version_number: z.number(),
  is_superuser: z.boolean(),
  bypasses_row_security: z.boolean(),
  is_writer: z.boolean(),
  may_destroy: z.boolean(),
  may_create: z.boolean(),
});

export function parseServerAndLogin(rows: unknown[]) {
  const row = LOGIN.parse(rows[0]);
  return {
    version: row.version,
    versionNumber: row.version_number,
    isSuperuser: row.is_superuser,
    bypassesRowSecurity: row.bypasses_row_security,
    isWriter: row.is_writer,
    mayDestroy: row.may_destroy,
    mayCreate: row.may_create,
  };
}

export type ServerAndLogin = ReturnType<typeof parseServerAndLogin>;

const TABLE = z.object({
  schema_name: z.string(),
  table_name: z.string(),
  has_row_security: z.boolean(),
  grants: z.array(z.object({ grantee: z.string(), privilege: z.string() })),
  writer_policies: z.array(z.string()),
});

/** One of the mirror's tables, and who may do what. */
export interface TableAccess {
  /** With its schema. */
  name: string;
  hasRowSecurity: boolean;
  /** Without the owner's. */
  grants: { grantee: string; privilege: string }[];
  /** As pg_policy has them: r, a, w, d, or * for all. */
  writerPolicies: string[];
}

export function parseTableAccess(rows: unknown[]): TableAccess[] {
  return rows.map((row) => {
    const table = TABLE.parse(row);
    return {
      name: `${table.schema_name}.${table.table_name}`,
      hasRowSecurity: table.has_row_security,
      grants: table.grants,
      writerPolicies: table.writer_policies,
    };
  });
}

const MIGRATION = z.object({ name: z.string(), checksum: z.string() });

export function parseMigrationHistory(rows: unknown[]) {
  return rows.map((row) => MIGRATION.parse(row));
}

const MIGRATED_PATH = z.object({ path: z.string(), hash: z.string(), has_table: z.boolean() });

/** A path by name, and what tells its declaration from another. */
export type DeclaredHash = z.infer<typeof MIGRATED_PATH>;

export function parseMigratedPaths(rows: unknown[]): DeclaredHash[] {
  return rows.map((row) => MIGRATED_PATH.parse(row));
}

const BEGINNING_ROW = z.object({
  began_on: z.string(),
  days_ago: z.number(),
  has_events: z.boolean(),
});

/** Null where the path is not declared. */
export function parseBeginning(rows: unknown[]) {
  if (rows.length === 0) return null;
  const { began_on, days_ago, has_events } = BEGINNING_ROW.parse(rows[0]);
  return { beganOn: began_on, daysAgo: days_ago, hasEvents: has_events };
}
