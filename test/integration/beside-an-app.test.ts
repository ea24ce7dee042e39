import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { applyMigrations } from '../../functions/src/cli/migrate/apply-migrations';
import type { LocalPostgres } from '../../local/embedded-postgres';
import { startOwnServer } from '../support/own-server';
import {
  addedIn,
  type CatalogSnapshot,
  catalogSnapshot,
  changedIn,
} from './support/catalog-snapshot';
import { emptyDatabase, MIGRATIONS, queryOnce } from './support/empty-database';
import { createSupabaseRoles, grantLikeSupabase } from './support/supabase-roles';

/** The migrations in a Supabase database that an app uses, with tables of the same names. */

const APP = readFileSync(join(__dirname, 'support/app-schema.sql'), 'utf8');
const ANN = '11111111-1111-4111-8111-111111111111';
/** The schemas that are ours; what lies on an object of theirs is named after it. */
const OURS = /(^| |\()"?(rtdb|mirror)"?(\.|$)/;
const OUR_ROLE = /^role quest_mirror_(writer|api|reader)$/;
/** Who makes a role may grant it, from PostgreSQL 16 on. */
const MEMBERSHIP = /^role membership .*\bmigrator\b.* quest_mirror_(writer|api|reader)$/;
/** On a table of ours: storage, which Postgres names by number. */
const STORAGE = /pg_toast\.pg_toast_\d+/;

let server: LocalPostgres;
let url: string;
/** The same, as who migrates. */
let migrator: string;
let before: CatalogSnapshot;
let applied: string[];

beforeAll(async () => {
  // Roles belong to the server.
  server = await startOwnServer();
  await createSupabaseRoles(server.url);
  ({ url } = await emptyDatabase(server.url));
  migrator = await migratorOf(url);
  await grantLikeSupabase(migrator);
  await queryOnce(migrator, APP);
  before = await catalogSnapshot(url);
  ({ applied } = await applyMigrations({ databaseUrl: migrator, directory: MIGRATIONS }));
}, 60_000);

afterAll(() => server.stop());

/** Supabase's `postgres`: no superuser, but it owns the database and makes roles. */
async function migratorOf(databaseUrl: string): Promise<string> {
  const login = new URL(databaseUrl);
  await queryOnce(server.url, `create role migrator login createrole password 'migrator'`);
  await queryOnce(server.url, `alter database ${login.pathname.slice(1)} owner to migrator`);
  [login.username, login.password] = ['migrator', 'migrator'];
  return login.href;
}

test('they are applied beside tables of the same names', async () => {
  expect(applied.length).toBeGreaterThan(10);
  const [row] = await queryOnce(
    url,
    `select to_regclass('rtdb.quest_completions') is not null as mirrors,
       to_regclass('public.quest_completions_pkey') is not null as is_theirs`,
  );
  expect(row).toEqual({ mirrors: true, is_theirs: true });
});

test('nothing that was there is touched, and what came lies in rtdb, in mirror, or is a role of ours', async () => {
  const after = await catalogSnapshot(url);
  expect(changedIn(before, after)).toEqual([]);
  const added = await addedIn(url, before, after);
  expect(added.length).toBeGreaterThan(100);
  const ours = [OURS, OUR_ROLE, MEMBERSHIP, STORAGE];
  expect(added.filter((name) => !ours.some((pattern) => pattern.test(name)))).toEqual([]);
});

test('a second run changes nothing at all', async () => {
  const first = await catalogSnapshot(url);
  const again = await applyMigrations({ databaseUrl: migrator, directory: MIGRATIONS });
  expect(again).toEqual({ applied: [], alreadyApplied: applied });
  const second = await catalogSnapshot(url);
  expect(changedIn(first, second)).toEqual([]);
  expect(await addedIn(url, first, second)).toEqual([]);
});

test('the snapshot sees what it is for: a grant, a policy, a trigger and an index on a table of theirs', async () => {
  const { url: other } = await emptyDatabase(server.url);
  await queryOnce(other, 'create table public.theirs (id integer)');
  const clean = await catalogSnapshot(other);
  await queryOnce(
    other,
    `grant select on public.theirs to anon;
     create index on public.theirs (id);
     create policy mine on public.theirs using (true);
     comment on table public.theirs is 'x';`,
  );
  const after = await catalogSnapshot(other);
  expect(changedIn(clean, after).join()).toContain('anon=r/');
  expect(await addedIn(other, clean, after)).toEqual([
    'index public.theirs_id_idx',
    'policy mine on public.theirs',
  ]);
});

/**
 * What `supabase db diff`, `db pull` and `db push` go by.
 *
 * Source: github.com/supabase/cli, `reset/templates/list.sql` (schemas that a user made) and
 * `pkg/migration` (the history).
 */
describe('the Supabase CLI', () => {
  test('finds two more schemas, owned by the login that migrated', async () => {
    const schemas = await queryOnce<{ name: string; owner: string }>(
      url,
      `select nspname as name, pg_get_userbyid(nspowner) as owner from pg_namespace
       where nspname !~ '^pg_' and nspname not in ('information_schema', 'auth', 'supabase_migrations')
       order by nspname`,
    );
    expect(schemas.map(({ name }) => name)).toEqual(['mirror', 'public', 'rtdb']);
    expect(new Set(schemas.map(({ owner }) => owner)).has('supabase_admin')).toBe(false);
  });

  test('has its history as it was: ours is another, in mirror', async () => {
    const history = await queryOnce(
      url,
      'select version from supabase_migrations.schema_migrations order by version',
    );
    expect(history).toEqual([{ version: '20251001120000' }, { version: '20251102080000' }]);
    const ours = await queryOnce(url, 'select name from mirror.schema_migrations');
    expect(ours).toHaveLength(applied.length);
  });

  test('could push our files as its own: their names are of its form', () => {
    expect(applied.filter((name) => !/^\d{14}_\w+\.sql$/.test(name))).toEqual([]);
  });
});

/** As PostgREST asks, for one who is signed in. */
async function asUser(subject: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const claims = JSON.stringify({ sub: subject, role: 'authenticated' });
    await client.query("select set_config('request.jwt.claims', $1, false)", [claims]);
    await client.query('set role authenticated');
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

test("the app's users still see their own rows, and nothing of the copy without a couple there", async () => {
  expect(await asUser(ANN, 'select user_id from public.quest_completions')).toEqual([
    { user_id: ANN },
  ]);
  expect(await asUser(ANN, 'select id from public.couples')).toHaveLength(1);
  expect(await asUser(ANN, 'select * from rtdb.quest_completions')).toEqual([]);
  await expect(asUser(ANN, 'select * from mirror.divergence_log')).rejects.toThrow(
    'permission denied',
  );
});

test("an app's row and a mirrored one of the same names live side by side", async () => {
  await queryOnce(
    url,
    `insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time)
     values ('ann_bob', '2025-11-19', 'quest_1', 'ann', now(), 'true', 'backfill', '-infinity')`,
  );
  const [counts] = await queryOnce(
    url,
    `select (select count(*)::integer from public.quest_completions) as theirs,
       (select count(*)::integer from rtdb.quest_completions) as ours`,
  );
  expect(counts).toEqual({ theirs: 2, ours: 1 });
});
