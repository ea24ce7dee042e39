import { Client, type QueryResultRow } from 'pg';
import { applyMigrations } from '../../../functions/src/cli/migrate/apply-migrations';
import { emptyDatabase, MIGRATIONS, queryOnce } from '../../integration/support/empty-database';
import { createSupabaseRoles, grantLikeSupabase } from '../../integration/support/supabase-roles';
import type { JsonValue } from '../../support/cloud-event';
import { startOwnServer } from '../../support/own-server';
import { APP_PATHS, type AppPath } from './app-fixtures';
import { type ExpectedRow, expectedRows } from './expected-rows';

/** What PostgREST sets for a request: a role and, unless null, its claims. */
export interface Caller {
  readonly role: string;
  readonly claims: string | null;
}

export interface AppDatabase {
  /** One statement as the owner. */
  query<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** One statement of a caller. */
  as<Row extends QueryResultRow>(caller: Caller, text: string, values?: unknown[]): Promise<Row[]>;
  stop(): Promise<void>;
}

/** @param sub the subject of the user's token */
export const appUser = (sub: string): Caller => ({
  role: 'authenticated',
  claims: JSON.stringify({ sub, role: 'authenticated' }),
});

/** Migrated where Supabase's roles and its default privileges are. */
export async function startAppDatabase(): Promise<AppDatabase> {
  const server = await startOwnServer();
  await createSupabaseRoles(server.url);
  const { url } = await emptyDatabase(server.url);
  await grantLikeSupabase(url);
  await applyMigrations({ databaseUrl: url, directory: MIGRATIONS });
  return {
    query: (text, values) => queryOnce(url, text, values),
    as: (caller, text, values) => queryAs(url, caller, text, values),
    stop: () => server.stop(),
  };
}

/** One statement of a caller, in a transaction of its own, as PostgREST sends it. */
export async function queryAs<Row extends QueryResultRow>(
  url: string,
  { role, claims }: Caller,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('begin');
    await client.query(`select set_config('role', $1, true)`, [role]);
    if (claims !== null) {
      await client.query(`select set_config('request.jwt.claims', $1, true)`, [claims]);
    }
    const { rows } = await client.query<Row>(text, values);
    await client.query('commit');
    return rows;
  } finally {
    await client.end();
  }
}

/**
 * The two ids of a couple of the fixtures; '' for one that paired without. Their first id is empty or
 * ends as a UUID does, so that here the key can be split.
 */
export function membersOf(coupleId: string): readonly [string, string] {
  const [, first = '', second = ''] = /^(|.*?[0-9a-f]{12})_(.+)$/s.exec(coupleId) ?? [];
  return [first, second];
}

/** Brings a tree into every path's table, as the writer does. A row for each value: all are applied. */
export async function applyTree(database: AppDatabase, tree: JsonValue): Promise<void> {
  for (const path of APP_PATHS) {
    await applyRows(database, path, expectedRows(tree, path.ref));
  }
}

/**
 * Applies claims about rows of a path, by its own function; null removes.
 *
 * @returns the verdicts, one for each row
 */
export async function applyRows(
  database: AppDatabase,
  { name }: AppPath,
  rows: readonly ExpectedRow[],
  eventTime = '2025-11-21T00:00:00Z',
): Promise<string[]> {
  const claims = rows.map(({ key, value }, n) => ({
    ...{ n, ref: `${name}/${n}` },
    ...asColumns({ ...key, ...completionColumns(name, key, eventTime) }),
    ...{ payload: value, event_id: `${eventTime}-${n}`, event_time: eventTime },
    ...{ before_known: false, settles_tie: false, detail: {} },
  }));
  const told =
    name === 'quest_completions'
      ? { partner_id: 'text', completed_at: 'timestamp with time zone' }
      : {};
  const answers = await database.as<{ verdict: string }>(
    { role: 'quest_mirror_writer', claims: null },
    `with applied as materialized (select * from mirror.apply_${name}($1, '1s', $2))
     select verdict from applied order by n`,
    [JSON.stringify(claims), JSON.stringify(told)],
  );
  return answers.map(({ verdict }) => verdict);
}

/** A claim has the row's columns under names with `_` before. */
function asColumns(row: object): object {
  return Object.fromEntries(Object.entries(row).map(([column, value]) => [`_${column}`, value]));
}

function completionColumns(name: string, key: ExpectedRow['key'], at: string): object {
  if (name !== 'quest_completions') return {};
  const partner = membersOf(key.couple_id ?? '').find((id) => id !== key.user_id);
  return { partner_id: partner || null, completed_at: at };
}
