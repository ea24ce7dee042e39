import { z } from 'zod';
import { MIGRATE } from '../../errors/setup-remedies';
import { sqlstateOf } from '../../postgres/sqlstate';
import { query } from '../../postgres/statements';
import { readMigrations } from '../migrate/migration-files';
import { planMigrations } from '../migrate/plan-migrations';
import { HISTORY } from '../migrate/schema-migrations';
import { ACCESS_CHECKS, TABLE_ACCESS } from './access-checks';
import { type Check, type Diagnosis, type Doctor, fail, ok, skipped, warn } from './check';
import { LOGIN_CHECK } from './database-checks';
import { PATHS_CHECK } from './paths-check';

/** When mirroring began (a day of UTC), and whether any event has come; canaries fly on every path. */
const BEGINNING = query({
  text: `
select
  to_char(min(p.began_at) at time zone 'UTC', 'YYYY-MM-DD') as began_on,
  (clock_timestamp() at time zone 'UTC')::date - (min(p.began_at) at time zone 'UTC')::date as days_ago,
  exists (select from mirror.canaries as c where c.arrived_at is not null) as has_events
from mirror.paths as p
where p.removed_at is null
having count(*) > 0
`,
  params: {},
  row: { beganOn: z.string(), daysAgo: z.number(), hasEvents: z.boolean() },
});

/**
 * Triggers on mirrored tables and their partitions that are not the mirror's, and whose function sets
 * no search_path. Functions in C look no names up.
 */
const TRIGGERS_WITHOUT_SEARCH_PATH = query({
  text: `
select
  format('%I on %I.%I', t.tgname, tn.nspname, c.relname) as trigger,
  format('%I.%I()', fn.nspname, p.proname) as function
from pg_catalog.pg_trigger as t
join pg_catalog.pg_class as c on c.oid = t.tgrelid
join pg_catalog.pg_namespace as tn on tn.oid = c.relnamespace
join pg_catalog.pg_proc as p on p.oid = t.tgfoid
join pg_catalog.pg_namespace as fn on fn.oid = p.pronamespace
join pg_catalog.pg_language as l on l.oid = p.prolang
where not t.tgisinternal
  and t.tgparentid = 0
  and fn.nspname <> 'mirror'
  and l.lanname not in ('c', 'internal')
  and not exists (
    select from unnest(p.proconfig) as setting where setting like 'search_path=%'
  )
  and exists (
    select
    from mirror.paths as p
    where p.removed_at is null
      and to_regclass(p.relation) = coalesce(pg_partition_root(c.oid), c.oid)
  )
order by 1
`,
  params: {},
  row: { trigger: z.string(), function: z.string() },
});

const MIGRATE_AS_OWNER = `${MIGRATE} as the owner of the tables`;
const MISSING_TABLE = ['42P01', '3F000'];
const NO_RIGHT = '42501';

async function migrationsCheck({ statements }: Doctor): Promise<Diagnosis> {
  const folders = await readMigrations(process.cwd());
  const history = await HISTORY.all(statements).then(
    (applied) => ({ applied }),
    (error: unknown) => ({ error, sqlstate: sqlstateOf(error) ?? '' }),
  );
  if ('error' in history) {
    if (history.sqlstate === NO_RIGHT) {
      return skipped('this login may not read the history; `migrate --dry-run` as the owner tells');
    }
    if (!MISSING_TABLE.includes(history.sqlstate)) throw history.error;
    const tables = await TABLE_ACCESS.all(statements);
    if (tables.length === 0) return fail('the tables are not there', MIGRATE_AS_OWNER);
    return warn('there are tables and no history', 'look at what applied them, if not `migrate`');
  }
  try {
    const pending = planMigrations(folders, history.applied);
    if (pending.length === 0) return ok(`all ${folders.flat().length} applied`);
    return fail(`${pending.length} not applied, from ${pending[0]?.name}`, MIGRATE_AS_OWNER);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return fail(reason, 'use the checkout that the database was migrated with, or a newer one');
  }
}

export async function beginningCheck({
  statements,
}: Pick<Doctor, 'statements'>): Promise<Diagnosis> {
  const beginning = await BEGINNING.first(statements);
  if (beginning === null) return fail('mirror.paths declares no path', MIGRATE_AS_OWNER);
  const { beganOn, daysAgo, hasEvents } = beginning;
  const advice = 'as the owner, set began_at in mirror.paths to when the functions are deployed';
  if (daysAgo < 0)
    return fail(`mirroring is said to begin on ${beganOn}, which is to come`, advice);
  if (!hasEvents && daysAgo > 0) {
    return warn(`mirroring is said to have begun on ${beganOn}, but no canary has come`, advice);
  }
  return ok(`mirroring began on ${beganOn}`);
}

/** The mirror's functions set an empty search_path, and what they set off runs under it. */
async function triggersCheck({ statements }: Doctor): Promise<Diagnosis> {
  const triggers = await TRIGGERS_WITHOUT_SEARCH_PATH.all(statements);
  if (triggers.length === 0) return ok('every trigger on a mirrored table sets its search_path');
  const named = triggers.map(({ trigger, function: name }) => `${trigger} (${name})`);
  const functions = [...new Set(triggers.map(({ function: name }) => name))];
  return warn(
    `${named.join(', ')}: the function sets no search_path, and the mirror's is empty: a table that it ` +
      'names without its schema fails every event with 42P01',
    `alter function ${functions[0]} set search_path = public, pg_temp (docs/tables.md)`,
  );
}

/** What asks the tables themselves, where they may not be there yet. */
function onTables(run: Check['run']): Check['run'] {
  return (doctor) =>
    run(doctor).catch((error: unknown) => {
      if (!MISSING_TABLE.includes(sqlstateOf(error) ?? '')) throw error;
      return fail('the tables are not there', MIGRATE_AS_OWNER);
    });
}

export const SCHEMA_CHECKS: readonly Check[] = [
  { name: 'migrations', needs: 'postgres', run: migrationsCheck },
  LOGIN_CHECK,
  ...ACCESS_CHECKS,
  { ...PATHS_CHECK, run: onTables(PATHS_CHECK.run) },
  { name: 'triggers', needs: 'postgres', run: onTables(triggersCheck) },
  { name: 'beginning', needs: 'postgres', run: onTables(beginningCheck) },
];
