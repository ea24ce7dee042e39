import { Client } from 'pg';
import { applyMigrations } from '../../functions/src/cli/migrate/apply-migrations';
import type { LocalPostgres } from '../../local/embedded-postgres';
import { startOwnServer } from '../support/own-server';
import { emptyDatabase, MIGRATIONS, queryOnce } from './support/empty-database';
import { createSupabaseRoles, grantLikeSupabase } from './support/supabase-roles';

// Firebase's ids are no UUIDs, and hold what separates a couple's two ids.
const ANNA = 'anna_1:APA91b-x';
const BEN = 'ben';
const COMPLETION = `
  insert into rtdb.quest_completions
    (couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin,
     event_time, deleted_at)
  values ($1, '2025-11-20', $2, $3, $4, now(), $5, 'rtdb', now(), $6)`;

let server: LocalPostgres;
let url: string;

beforeAll(async () => {
  server = await startOwnServer();
  await createSupabaseRoles(server.url);
  ({ url } = await emptyDatabase(server.url));
  await grantLikeSupabase(url);
  await applyMigrations({ databaseUrl: url, directory: MIGRATIONS });
  const couple = `${ANNA}_${BEN}`;
  for (const values of [
    [couple, 'quest_1', ANNA, BEN, 'true', null],
    [couple, 'quest_1', BEN, ANNA, 'true', null],
    [couple, 'quest_deleted', ANNA, BEN, null, new Date()],
    ['cleo_dora', 'quest_1', 'cleo', 'dora', 'true', null],
    ['canary_canary-partner', 'quest_1', 'canary', 'canary-partner', 'true', null],
  ]) {
    await queryOnce(url, COMPLETION, values);
  }
  await queryOnce(
    url,
    `create role stranger login;
     create role mirror_functions login in role quest_mirror_writer;`,
  );
});

afterAll(() => server.stop());

/** One statement as PostgREST would send it: a role and its claims, for one transaction. */
async function as(role: string, claims: string | null, text: string, values: unknown[] = []) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('begin');
    await client.query(`select set_config('role', $1, true)`, [role]);
    if (claims !== null) {
      await client.query(`select set_config('request.jwt.claims', $1, true)`, [claims]);
    }
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

const SELECT = 'select quest_id, user_id from rtdb.quest_completions order by user_id';
const DENIED = { code: '42501' };

describe('an app user', () => {
  const asUser = (sub: string, text: string) =>
    as('authenticated', JSON.stringify({ sub, role: 'authenticated' }), text);

  test.each([ANNA, BEN])('%s sees the live rows of both partners, no tombstone', async (sub) => {
    expect(await asUser(sub, SELECT)).toEqual([
      { quest_id: 'quest_1', user_id: ANNA },
      { quest_id: 'quest_1', user_id: BEN },
    ]);
  });

  test.each(['zoe', '', 'anna', `${ANNA}_${BEN}`])('%j sees nothing of others', async (sub) => {
    expect(await asUser(sub, SELECT)).toEqual([]);
  });

  test.each([
    'update rtdb.quest_completions set payload = null',
    'delete from rtdb.quest_completions',
    'truncate rtdb.quest_completions',
    `insert into rtdb.quest_completions select * from rtdb.quest_completions`,
    'select from mirror.divergence_log',
    'select from mirror.readings',
    'select from mirror.rates',
    'select from mirror.coverage',
    'select from mirror.schema_migrations',
  ])('may not: %s', (text) => expect(asUser(ANNA, text)).rejects.toMatchObject(DENIED));
});

describe('nobody in particular', () => {
  test.each([null, '', '{}', '{"sub":null}', '[]'])('claims %j see nothing', async (claims) => {
    expect(await as('authenticated', claims, SELECT)).toEqual([]);
  });

  test.each(['anon', 'stranger'])('%s may not even ask, whatever it claims', async (role) => {
    const claims = JSON.stringify({ sub: ANNA });
    await expect(as(role, claims, SELECT)).rejects.toMatchObject(DENIED);
    const text = 'select from mirror.divergence_log';
    await expect(as(role, claims, text)).rejects.toMatchObject(DENIED);
  });
});

describe('a member of quest_mirror_writer', () => {
  const asWriter = (text: string, values: unknown[] = []) =>
    as('mirror_functions', null, text, values);

  test('reads everything, tombstones too', async () => {
    expect(await asWriter(SELECT)).toHaveLength(5);
  });

  test('inserts and updates completions in one statement', async () => {
    const upsert = `${COMPLETION}
      on conflict (couple_id, date_key, quest_id, user_id)
      do update set mirrored_at = clock_timestamp(), payload = excluded.payload
      returning payload`;
    const key = [`${ANNA}_${BEN}`, 'quest_1', ANNA, BEN];
    expect(await asWriter(upsert, [...key, '{"new":1}', null])).toEqual([{ payload: { new: 1 } }]);
    const fresh = ['x_y', 'quest_1', 'x', 'y', 'true', null];
    expect(await asWriter(upsert, fresh)).toEqual([{ payload: true }]);
  });

  test.each([
    `insert into mirror.divergence_log (path, ref, kind, cause, severity, detected_by)
     values ('quest_completions', 'r', 'out_of_order', 'race', 'info', 'trigger')
     on conflict (md5(ref), kind, path) where resolved_at is null
     do update set times_seen = mirror.divergence_log.times_seen + 1 returning id`,
    `select mirror.fail_reading('quest_completions', 'a_b', 'because', '1h')`,
    `insert into mirror.coverage (from_at, reason) values (now(), 'flag_off') returning id`,
    `with opened as (insert into mirror.coverage (from_at, reason) values (now(), 'flag_off'))
     update mirror.coverage set to_at = now() returning id`,
  ])('may: %s', (text) => expect(asWriter(text)).resolves.toBeDefined());

  test.each([
    'delete from rtdb.quest_completions',
    'delete from mirror.divergence_log',
    'truncate rtdb.quest_completions',
    'truncate mirror.coverage',
    'alter table rtdb.quest_completions add column extra text',
    'alter table rtdb.quest_completions disable row level security',
    'drop table mirror.coverage',
    'create table public.extra ()',
    'create table mirror.extra ()',
    'create schema extra',
    'select from mirror.schema_migrations',
  ])('may not: %s', (text) => expect(asWriter(text)).rejects.toMatchObject(DENIED));
});
