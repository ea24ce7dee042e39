import { sqlstateOf } from '../../postgres/sqlstate';
import { migrationsFolder } from '../folders';
import { readMigrationFiles } from '../migrate/migration-files';
import { planMigrations } from '../migrate/plan-migrations';
import {
  BEGINNING,
  MIGRATION_HISTORY,
  parseBeginning,
  parseMigrationHistory,
  parseServerAndLogin,
  parseTableAccess,
  SERVER_AND_LOGIN,
  type ServerAndLogin,
  TABLE_ACCESS,
} from './access-catalog';
import { grantsCheck, rowSecurityCheck } from './access-checks';
import { type Check, type Diagnosis, type Doctor, fail, ok, skipped, warn } from './check';
import { parseTriggers, TRIGGERS_WITHOUT_SEARCH_PATH } from './other-triggers';
import { PATHS_CHECK } from './paths-check';

const MIGRATE = 'run `npm run mirror -- migrate` as the owner of the tables';
const MISSING_TABLE = ['42P01', '3F000'];
const NO_RIGHT = '42501';

/** The login of DATABASE_URL, which is the functions'. Pure. */
export function loginCheck(login: ServerAndLogin): Diagnosis {
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

async function migrationsCheck({ statements }: Doctor): Promise<Diagnosis> {
  const files = await readMigrationFiles(migrationsFolder());
  const history = await statements.run(MIGRATION_HISTORY, []).then(
    (rows) => ({ rows }),
    (error: unknown) => ({ error, sqlstate: sqlstateOf(error) ?? '' }),
  );
  if ('error' in history) {
    if (history.sqlstate === NO_RIGHT) {
      return skipped('this login may not read the history; `migrate --dry-run` as the owner tells');
    }
    if (!MISSING_TABLE.includes(history.sqlstate)) throw history.error;
    const tables = parseTableAccess(await statements.run(TABLE_ACCESS, []));
    if (tables.length === 0) return fail('the tables are not there', MIGRATE);
    return warn('there are tables and no history', 'look at what applied them, if not `migrate`');
  }
  try {
    const pending = planMigrations(files, parseMigrationHistory(history.rows));
    if (pending.length === 0) return ok(`all ${files.length} applied`);
    return fail(`${pending.length} not applied, from ${pending[0]?.name}`, MIGRATE);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return fail(reason, 'use the checkout that the database was migrated with, or a newer one');
  }
}

async function beginningCheck({ statements }: Doctor): Promise<Diagnosis> {
  const beginning = parseBeginning(await statements.run(BEGINNING, []));
  if (beginning === null) return fail('mirror.paths does not declare quest_completions', MIGRATE);
  const { beganOn, daysAgo, hasEvents } = beginning;
  const advice = 'as the owner, set began_at in mirror.paths to when the functions are deployed';
  if (daysAgo < 0)
    return fail(`mirroring is said to begin on ${beganOn}, which is to come`, advice);
  if (!hasEvents && daysAgo > 0) {
    return warn(`mirroring is said to have begun on ${beganOn}, but no event has come`, advice);
  }
  return ok(`mirroring began on ${beganOn}`);
}

/** The mirror's functions set an empty search_path, and what they set off runs under it. */
async function triggersCheck({ statements }: Doctor): Promise<Diagnosis> {
  const triggers = parseTriggers(await statements.run(TRIGGERS_WITHOUT_SEARCH_PATH, []));
  if (triggers.length === 0) return ok('every trigger on a mirrored table sets its search_path');
  const named = triggers.map(({ trigger, function: name }) => `${trigger} (${name})`);
  const functions = [...new Set(triggers.map(({ function: name }) => name))];
  return warn(
    `${named.join(', ')}: the function sets no search_path, and the mirror's is empty: a table that it ` +
      'names without its schema fails every event with 42P01',
    `alter function ${functions[0]} set search_path = public, pg_temp (docs/tables.md)`,
  );
}

async function tablesOf({ statements }: Doctor) {
  return parseTableAccess(await statements.run(TABLE_ACCESS, []));
}

/** What asks the tables themselves, where they may not be there yet. */
function onTables(run: Check['run']): Check['run'] {
  return (doctor) =>
    run(doctor).catch((error: unknown) => {
      if (!MISSING_TABLE.includes(sqlstateOf(error) ?? '')) throw error;
      return fail('the tables are not there', MIGRATE);
    });
}

export const SCHEMA_CHECKS: readonly Check[] = [
  { name: 'migrations', needs: 'postgres', run: migrationsCheck },
  {
    name: 'login',
    needs: 'postgres',
    run: async ({ statements }) =>
      loginCheck(parseServerAndLogin(await statements.run(SERVER_AND_LOGIN, []))),
  },
  {
    name: 'row level security',
    needs: 'postgres',
    run: async (doctor) => rowSecurityCheck(await tablesOf(doctor)),
  },
  {
    name: 'grants',
    needs: 'postgres',
    run: async (doctor) => grantsCheck(await tablesOf(doctor)),
  },
  { ...PATHS_CHECK, run: onTables(PATHS_CHECK.run) },
  { name: 'triggers', needs: 'postgres', run: onTables(triggersCheck) },
  { name: 'beginning', needs: 'postgres', run: onTables(beginningCheck) },
];
