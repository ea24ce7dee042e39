import { z } from 'zod';
import { query, type RowOf, type Statements } from '../../postgres/statements';
import { type Check, type Diagnosis, fail, ok } from './check';

/**
 * The mirror's tables: row level security, who was granted what, and which commands a policy lets the
 * writer do. From the catalogs, which every login may read.
 */
export const TABLE_ACCESS = query({
  text: `
select
  n.nspname || '.' || c.relname as name,
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
`,
  params: {},
  row: {
    /** With its schema. */
    name: z.string(),
    hasRowSecurity: z.boolean(),
    /** Without the owner's. */
    grants: z.array(z.object({ grantee: z.string(), privilege: z.string() })),
    /** As pg_policy has them: r, a, w, d, or * for all. */
    writerPolicies: z.array(z.string()),
  },
});
/** One of the mirror's tables, and who may do what. */
export type TableAccess = RowOf<typeof TABLE_ACCESS>;

const COMPLETIONS = 'rtdb.quest_completions';
const WRITER = 'quest_mirror_writer';
const WRITTEN = ['SELECT', 'INSERT', 'UPDATE'];
const ADDED = ['SELECT', 'INSERT'];

/** What the functions can't do without in the books; a copy's table takes {@link WRITTEN}. */
const NEEDED: ReadonlyMap<string, readonly string[]> = new Map([
  [COMPLETIONS, WRITTEN],
  ['mirror.backfills', ['SELECT']],
  ['mirror.canaries', WRITTEN],
  ['mirror.client_claims', WRITTEN],
  ['mirror.coverage', WRITTEN],
  ['mirror.direct_writes', ['SELECT']],
  ['mirror.divergence_log', WRITTEN],
  ['mirror.erased', ['SELECT']],
  ['mirror.hourly_arrivals', ['SELECT']],
  ['mirror.identity', ADDED],
  ['mirror.locks', WRITTEN],
  ['mirror.paths', ['SELECT']],
  ['mirror.listings', ['SELECT']],
  ['mirror.rates', ADDED],
  ['mirror.reading_sums', ['SELECT']],
  ['mirror.readings', ['SELECT']],
  ['mirror.suspects', ['SELECT']],
]);

/** What each role of the mirror may have at most, on any table. */
const MOST: ReadonlyMap<string, readonly string[]> = new Map([
  [WRITER, WRITTEN],
  ['quest_mirror_api', WRITTEN],
  ['quest_mirror_reader', ['SELECT']],
]);

/** pg_policy's letters. Source: PostgreSQL manual, 52.38 "pg_policy". */
const POLICY_OF: ReadonlyMap<string, string> = new Map([
  ['SELECT', 'r'],
  ['INSERT', 'a'],
  ['UPDATE', 'w'],
]);

const APP_ROLES = ['anon', 'authenticated', 'public'];

const ADVICE =
  'grant and revoke as migrations/ do; `select mirror.rebuild_paths()` makes those of the copy again';

/** Row level security on every table, and policies that let the writer in. Pure. */
export function rowSecurityCheck(tables: readonly TableAccess[]): Diagnosis {
  if (tables.length === 0) return fail('the tables are not there', 'run the migrations');
  const open = tables.filter(({ hasRowSecurity }) => !hasRowSecurity).map(({ name }) => name);
  if (open.length > 0) {
    return fail(`it is off on ${open.join(', ')}`, 'alter table … enable row level security');
  }
  const shut = tables.flatMap(({ name, grants, writerPolicies }) =>
    grants
      .filter(({ grantee }) => grantee === WRITER)
      .map(({ privilege }) => privilege)
      .filter((privilege) => {
        const letter = POLICY_OF.get(privilege);
        return letter && !writerPolicies.includes(letter) && !writerPolicies.includes('*');
      })
      .map((privilege) => `${privilege.toLowerCase()} on ${name}`),
  );
  if (shut.length > 0) return fail(`no policy lets the writer ${shut.join(', ')}`, ADVICE);
  return ok(`on, for all ${tables.length} tables`);
}

/** The mirror's roles have nothing that destroys, the writer what it needs; app users see the copy only. Pure. */
export function grantsCheck(tables: readonly TableAccess[]): Diagnosis {
  if (tables.length === 0) return fail('the tables are not there', 'run the migrations');
  const complaints = [...tables.flatMap(excessOf), ...lackOf(tables)];
  if (complaints.length > 0) return fail(complaints.join('; '), ADVICE);
  return ok('the writer has what it needs, without delete and DDL; app users read the copy only');
}

function excessOf({ name, grants }: TableAccess): string[] {
  return grants
    .filter(({ grantee, privilege }) => {
      const most = MOST.get(grantee);
      if (most !== undefined) return !most.includes(privilege);
      const mayRead = isCopy(name) && grantee === 'authenticated' && privilege === 'SELECT';
      return APP_ROLES.includes(grantee) && !mayRead;
    })
    .map(({ grantee, privilege }) => `${grantee} may ${privilege.toLowerCase()} ${name}`);
}

const isCopy = (name: string) => name.startsWith('rtdb.');

function lackOf(tables: readonly TableAccess[]): string[] {
  const copies = tables.map(({ name }) => name).filter(isCopy);
  const needed = new Map([...NEEDED, ...copies.map((name) => [name, WRITTEN] as const)]);
  return [...needed].flatMap(([name, privileges]) => {
    const table = tables.find((one) => one.name === name);
    if (table === undefined) return [`${name} is not there`];
    return privileges
      .filter(
        (wanted) =>
          !table.grants.some(
            ({ grantee, privilege }) => grantee === WRITER && privilege === wanted,
          ),
      )
      .map((wanted) => `${WRITER} may not ${wanted.toLowerCase()} ${name}`);
  });
}

const onTables =
  (judge: (tables: readonly TableAccess[]) => Diagnosis) =>
  async ({ statements }: { statements: Statements }): Promise<Diagnosis> =>
    judge(await TABLE_ACCESS.all(statements));

export const ACCESS_CHECKS: readonly Check[] = [
  { name: 'row level security', needs: 'postgres', run: onTables(rowSecurityCheck) },
  { name: 'grants', needs: 'postgres', run: onTables(grantsCheck) },
];
