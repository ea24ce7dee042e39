import type { QueryResultRow } from 'pg';
import { applyMigrations } from '../../functions/src/cli/migrate/apply-migrations';
import type { LocalPostgres } from '../../local/embedded-postgres';
import { startOwnServer } from '../support/own-server';
import { emptyDatabase, MIGRATIONS, queryOnce } from './support/empty-database';
import { expectedGrants, readGrants } from './support/grants';
import { createSupabaseRoles, grantLikeSupabase } from './support/supabase-roles';

// Roles belong to the server, so these tests bring their own.
let server: LocalPostgres;

beforeEach(async () => {
  server = await startOwnServer();
});

afterEach(() => server.stop());

const migrate = (databaseUrl: string) => applyMigrations({ databaseUrl, directory: MIGRATIONS });

async function privileges(url: string, role: string): Promise<string[]> {
  const rows = await queryOnce<{ privilege: string }>(
    url,
    `select relname || ':' || privilege as privilege
     from pg_class, unnest('{select,insert,update,delete,truncate}'::text[]) as privilege
     where relnamespace::regnamespace::text in ('rtdb', 'mirror') and relkind = 'r'
       and has_schema_privilege($1, relnamespace, 'usage')
       and has_table_privilege($1, pg_class.oid, privilege)
     order by relname, privilege`,
    [role],
  );
  return rows.map(({ privilege }) => privilege);
}

/** A login like Supabase's `postgres`: no superuser, but creates roles and owns the database. */
async function migratorOf(databaseUrl: string): Promise<string> {
  const database = new URL(databaseUrl).pathname.slice(1);
  await queryOnce(server.url, `create role migrator login createrole password 'migrator'`);
  await queryOnce(server.url, `alter database ${database} owner to migrator`);
  const url = new URL(databaseUrl);
  url.username = 'migrator';
  url.password = 'migrator';
  return url.href;
}

const grantsIn = async (url: string, withAppRoles: boolean) => {
  const query = <Row extends QueryResultRow>(text: string) => queryOnce<Row>(url, text);
  const expected = await expectedGrants(query, withAppRoles);
  return { found: await readGrants(query), expected };
};

test('a migrator that is no superuser can run them all, with the roles of Supabase', async () => {
  await createSupabaseRoles(server.url);
  const { url } = await emptyDatabase(server.url);
  const migratorUrl = await migratorOf(url);
  await grantLikeSupabase(migratorUrl);

  expect((await migrate(migratorUrl)).applied.length).toBeGreaterThanOrEqual(2);

  const { found, expected } = await grantsIn(url, true);
  expect(found).toEqual(expected);
  expect(await privileges(url, 'anon')).toEqual([]);
});

test("Supabase's roles and grants may also come after; row level security holds", async () => {
  const { url } = await emptyDatabase(server.url);
  await migrate(url);
  await queryOnce(
    url,
    `insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, partner_id, completed_at, origin, event_time)
     values ('a_b', '2025-11-20', 'quest_1', 'a', 'b', now(), 'rtdb', now())`,
  );
  await createSupabaseRoles(server.url);
  expect(await privileges(url, 'authenticated')).toEqual([]);
  await grantLikeSupabase(url);
  await queryOnce(url, 'grant usage on schema rtdb to anon');
  await queryOnce(url, 'grant select on rtdb.quest_completions to anon');
  await queryOnce(url, 'select mirror.rebuild_paths()');

  const seenBy = async (role: string, claims: string) => {
    const rows = await queryOnce(
      `${url}?options=${encodeURIComponent(`-c role=${role} -c request.jwt.claims=${claims}`)}`,
      'select user_id from rtdb.quest_completions',
    );
    return rows.length;
  };
  expect(await seenBy('authenticated', '{"sub":"b"}')).toBe(1);
  expect(await seenBy('authenticated', '{"sub":"c"}')).toBe(0);
  // Granted the table by accident, it still can't ask whose rows are whose.
  await expect(seenBy('anon', '{"sub":"b"}')).rejects.toMatchObject({ code: '42501' });
  expect((await migrate(url)).applied).toEqual([]);
});

test("a second database of the server finds the mirror's roles there already", async () => {
  const databases = await Promise.all([1, 2, 3].map(() => emptyDatabase(server.url)));
  await Promise.all(databases.map(({ url }) => migrate(url)));
  for (const { url } of databases) {
    const { found, expected } = await grantsIn(url, false);
    expect(found).toEqual(expected);
  }
});
