import type { TableAccess } from '../../postgres/access-catalog';
import { type Diagnosis, fail, ok } from './check';

const COMPLETIONS = 'rtdb.quest_completions';
const WRITER = 'quest_mirror_writer';
const WRITTEN = ['SELECT', 'INSERT', 'UPDATE'];

/** What the functions can't do without; migrations may add tables. */
const NEEDED: ReadonlyMap<string, readonly string[]> = new Map([
  [COMPLETIONS, WRITTEN],
  ['mirror.divergence_log', WRITTEN],
  ['mirror.reconcile_runs', WRITTEN],
  ['mirror.reconcile_shards', WRITTEN],
  ['mirror.coverage', WRITTEN],
  ['mirror.hourly_arrivals', ['SELECT', 'INSERT']],
  ['mirror.beginning', ['SELECT']],
  ['mirror.direct_writes', ['SELECT']],
]);

/** pg_policy's letters. Source: PostgreSQL manual, 52.38 "pg_policy". */
const POLICY_OF: ReadonlyMap<string, string> = new Map([
  ['SELECT', 'r'],
  ['INSERT', 'a'],
  ['UPDATE', 'w'],
]);

const APP_ROLES = ['anon', 'authenticated', 'public'];

const ADVICE = 'grant and revoke as migrations/20261122000003_access.sql does';

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

/** The writer has what it needs and nothing that destroys; app users see one table only. Pure. */
export function grantsCheck(tables: readonly TableAccess[]): Diagnosis {
  if (tables.length === 0) return fail('the tables are not there', 'run the migrations');
  const complaints = [...tables.flatMap(excessOf), ...lackOf(tables)];
  if (complaints.length > 0) return fail(complaints.join('; '), ADVICE);
  return ok('the writer has what it needs, without delete and DDL; app users read one table');
}

function excessOf({ name, grants }: TableAccess): string[] {
  return grants
    .filter(({ grantee, privilege }) => {
      if (grantee === WRITER) return !WRITTEN.includes(privilege);
      const mayRead = name === COMPLETIONS && grantee === 'authenticated' && privilege === 'SELECT';
      return APP_ROLES.includes(grantee) && !mayRead;
    })
    .map(({ grantee, privilege }) => `${grantee} may ${privilege.toLowerCase()} ${name}`);
}

function lackOf(tables: readonly TableAccess[]): string[] {
  return [...NEEDED].flatMap(([name, privileges]) => {
    const table = tables.find((one) => one.name === name);
    if (table === undefined) return [`${name} is not there`];
    return privileges
      .filter(
        (needed) =>
          !table.grants.some(
            ({ grantee, privilege }) => grantee === WRITER && privilege === needed,
          ),
      )
      .map((needed) => `${WRITER} may not ${needed.toLowerCase()} ${name}`);
  });
}
