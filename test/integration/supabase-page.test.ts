import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { QueryResultRow } from 'pg';
import type { LocalPostgres } from '../../local/embedded-postgres';
import { appUser, queryAs } from '../app/support/app-database';
import { runCommand } from '../support/command';
import { mirrorOn, REF, type TestMirror, writeOf } from '../support/mirror';
import { startOwnServer } from '../support/own-server';
import { blocksOf } from '../support/page';
import { emptyDatabase, MIGRATIONS, queryOnce } from './support/empty-database';
import { createSupabaseRoles, grantLikeSupabase } from './support/supabase-roles';

/** The SQL of docs/supabase.md, as it stands there. */

const block = blocksOf('supabase.md');

let server: LocalPostgres;
let url: string;
let mirror: TestMirror;

/** As Supabase's `postgres`: the database is his, he may create roles, and he is no superuser. */
beforeAll(async () => {
  server = await startOwnServer();
  await createSupabaseRoles(server.url);
  await queryOnce(server.url, `create role app_owner login password 'x' createrole`);
  const database = await emptyDatabase(server.url);
  const [name, owner] = [new URL(database.url).pathname.slice(1), new URL(database.url)];
  await queryOnce(server.url, `alter database ${name} owner to app_owner`);
  await queryOnce(database.url, 'alter schema public owner to app_owner');
  Object.assign(owner, { username: 'app_owner', password: 'x' });
  url = owner.href;
  await grantLikeSupabase(url);
  await queryOnce(url, 'create publication supabase_realtime');
});

afterAll(async () => {
  await mirror?.store.close();
  await server.stop();
});

const asOwner = <Row extends QueryResultRow>(sql: string) => queryOnce<Row>(url, sql);
/** The superuser stands for Supabase's authenticator, which may become any of its API's roles. */
const as = (role: string, sql: string) => {
  const address = new URL(server.url);
  address.pathname = new URL(url).pathname;
  return queryAs(address.href, { role, claims: null }, sql);
};
const asUser = (sub: string, sql: string) => {
  const address = new URL(server.url);
  address.pathname = new URL(url).pathname;
  return queryAs(address.href, appUser(sub), sql);
};

const DENIED = { code: '42501' };

test("the mirror's files run by themselves, as a branch of Supabase runs them, and migrate then says no", async () => {
  const files = readdirSync(MIGRATIONS).filter((file) => file.endsWith('.sql'));
  expect(files.length).toBeGreaterThan(10);
  for (const file of files.sort()) {
    expect(file).toMatch(/^\d{14}_\w+\.sql$/);
    await asOwner(readFileSync(join(MIGRATIONS, file), 'utf8'));
  }
  expect(await runCommand(['migrate'], { DATABASE_URL: url })).toMatchObject({ code: 1, out: '' });
});

test('a branch has rows, by its seed', async () => {
  await asOwner(block('seed'));
  await asOwner(block('seed'));
  expect(await asUser('ann', 'select user_id from rtdb.quest_completions')).toHaveLength(2);
});

test('the view shows a user what the table does, and others nothing', async () => {
  await asOwner(block('view'));
  const seen = 'select user_id from public.my_completions';
  expect(await asUser('ann', seen)).toHaveLength(2);
  expect(await asUser('mallory', seen)).toEqual([]);
  await expect(as('anon', seen)).rejects.toMatchObject(DENIED);
  await expect(as('service_role', seen)).rejects.toMatchObject(DENIED);
});

test('auth.uid() raises for an id that is no uuid', async () => {
  await asOwner(`create function public.uid() returns uuid language sql stable as
    $$ select (current_setting('request.jwt.claims', true)::jsonb ->> 'sub')::uuid $$`);
  await expect(asUser('ann', 'select public.uid()')).rejects.toMatchObject({ code: '22P02' });
});

test('service_role reads nothing, until it may; then tombstones too, and writes nothing', async () => {
  const all = 'select deleted_at from rtdb.quest_completions';
  await expect(as('service_role', all)).rejects.toMatchObject(DENIED);
  await asOwner(block('service role'));
  expect(await as('service_role', all)).toHaveLength(2);
  await asOwner('select mirror.rebuild_paths()');
  expect(await as('service_role', all)).toHaveLength(2);
  await expect(
    as('service_role', 'update rtdb.quest_completions set payload = null'),
  ).rejects.toMatchObject(DENIED);
});

test('Realtime gets the table; a tombstone is nobody\u2019s to read', async () => {
  await asOwner(block('realtime'));
  expect(
    await asOwner(`select schemaname, tablename from pg_publication_tables
      where pubname = 'supabase_realtime'`),
  ).toEqual([{ schemaname: 'rtdb', tablename: 'quest_completions' }]);
  mirror = mirrorOn(url);
  const write = { ref: REF.replace('alice', 'cyd').replace('bob/', 'dan/') };
  await mirror.mirror(writeOf({ ...write, id: 'e1', time: '2025-11-19T12:00:00Z' }));
  const seen = 'select payload, deleted_at from rtdb.quest_completions';
  expect(await asUser('bob', `${seen} where couple_id like 'cyd%'`)).toHaveLength(1);
  const taken = { ...write, id: 'e2', time: '2025-11-19T12:00:01Z', before: true, after: null };
  await mirror.mirror(writeOf(taken));
  expect(await asUser('bob', `${seen} where couple_id like 'cyd%'`)).toEqual([]);
});

test('the trigger hears of a write, in the mirror\u2019s statement', async () => {
  await asOwner(block('trigger'));
  const event = writeOf({ id: 'e3', ref: REF.replace('quest_1', 'quest_9') });
  expect(await mirror.mirror(event)).toMatchObject({ outcome: 'applied' });
  expect(await asOwner('select couple_id, quest_id from public.couple_feed')).toEqual([
    { couple_id: 'alice_bob', quest_id: 'quest_9' },
  ]);
});

test('the line for a password encodes it', () => {
  const encoded = execFileSync('bash', ['-c', block('encode')], { encoding: 'utf8' }).trim();
  expect(new URL(`postgres://a:${encoded}@h/d`).password).toBe('p%40ss%2Fw%25rd');
  expect(decodeURIComponent(encoded)).toBe('p@ss/w%rd');
});
