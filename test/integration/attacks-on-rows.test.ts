import type { ClientBase } from 'pg';
import {
  ANNA,
  type AttackedDatabase,
  COUPLE,
  DENIED,
  startAttackedDatabase,
} from './support/attacked-database';

/** How somebody may try to see or change rows past what they are granted. */

let database: AttackedDatabase;

beforeAll(async () => {
  database = await startAttackedDatabase();
});

afterAll(() => database.stop());

const idsOf = async (client: ClientBase, text = 'select * from rtdb.quest_completions') =>
  (await client.query<{ user_id: string; quest_id: string }>(text)).rows.map(
    ({ user_id, quest_id }) => `${user_id}/${quest_id}`,
  );

describe('an app user gets no more than their own live rows', () => {
  test.each([
    'select * from rtdb.quest_completions where true or deleted_at is not null',
    `select * from rtdb.quest_completions where couple_id = 'cleo_dora' or user_id <> ''`,
    `select * from rtdb.quest_completions union select * from rtdb.quest_completions`,
    `select * from rtdb.quest_completions
       where 1 / (case when payload = '"SECRET"' then 0 else 1 end) = 1`,
  ])('by %s', (text) =>
    database.asAnna(async (client) => expect(await idsOf(client, text)).toEqual([`${ANNA}/q1`])),
  );

  test('by a function of their own that tells what it is asked', () =>
    database.asAnna(async (client) => {
      const told: (string | undefined)[] = [];
      client.on('notice', ({ message }) => told.push(message));
      await client.query(`
        create function pg_temp.tell(who text) returns boolean language plpgsql cost 0.0000001
        as $$ begin raise notice '%', who; return true; end $$`);
      const text = 'select * from rtdb.quest_completions where pg_temp.tell(user_id)';
      expect(await idsOf(client, text)).toEqual([`${ANNA}/q1`]);
      expect(told).toEqual([ANNA]);
    }));

  test('by the statistics', () =>
    database.asAnna(async (client) => {
      const seen = `select from pg_stats where tablename = 'quest_completions'`;
      expect((await client.query(seen)).rows).toEqual([]);
    }));

  test('with row level security switched off for the session', () =>
    database.asAnna(async (client) => {
      await client.query('set local row_security = off');
      await expect(idsOf(client)).rejects.toMatchObject(DENIED);
    }));

  test.each([
    ['{"sub":["anna_1"]}', []],
    ['{"sub":{"sub":"anna_1"}}', []],
    ['"anna_1"', []],
    ['{"user_id":"anna_1"}', []],
    ['{"sub":"anna_1\' or true --"}', []],
    ['{"sub":"%"}', []],
    ['{"sub":"ANNA_1"}', []],
    ['{"sub":"eve"}', ['eve/q1']],
  ])('with the claims %s', (claims, seen) =>
    database.asAnna(async (client) => {
      await client.query(`select set_config('request.jwt.claims', $1, true)`, [claims]);
      expect(await idsOf(client)).toEqual(seen);
    }),
  );

  test('with claims that are no JSON: an error, no row', () =>
    database.asAnna(async (client) => {
      await client.query(`set local request.jwt.claims = 'anna_1'`);
      await expect(idsOf(client)).rejects.toMatchObject({ code: '22P02' });
    }));

  test('on a connection that served another before', async () => {
    const client = await database.connectAs('authenticator');
    try {
      await client.query(`begin; set local role authenticated;
        set local request.jwt.claims = '{"sub":"cleo"}'; commit`);
      await client.query('begin; set local role authenticated');
      expect(await idsOf(client)).toEqual([]);
    } finally {
      await client.end();
    }
  });
});

describe('claims are believed from whoever can send SQL as authenticated', () => {
  // PostgREST sends none of its users' text as SQL; so this is about its login's password.
  test('and from nobody else: a stranger who sets them may still not ask', () =>
    database.asLogin('stranger')(async (client) => {
      await client.query(`set request.jwt.claims = '{"sub":"cleo","role":"authenticated"}'`);
      await expect(idsOf(client)).rejects.toMatchObject(DENIED);
    }));
});

describe('the functions of schema mirror can not be led astray by names', () => {
  /** Tables and types that shadow those of the function, wherever it does not say which it means. */
  const SHADOWS = `
    create temp table quest_completions (like rtdb.quest_completions);
    create temp table direct_writes (like mirror.direct_writes);
    create domain pg_temp.jsonb as integer;
    create domain pg_temp.date as integer;
    set local search_path = pg_temp, public, pg_catalog`;
  const CLAIM = `select mirror.claim_by_client(
    'x_y', '2025-11-20', 'q', 'x', 'y', pg_catalog.now(), '1s') as verdict`;

  test('a claim lands in the real table', () =>
    database.asLogin('mirror_functions')(async (client) => {
      await client.query(SHADOWS);
      expect((await client.query(CLAIM)).rows).toEqual([{ verdict: 'applied' }]);
      const real = `select * from rtdb.quest_completions where couple_id = 'x_y'`;
      expect(await idsOf(client, real)).toEqual(['x/q']);
      expect(await idsOf(client, 'select * from pg_temp.quest_completions')).toEqual([]);
    }));

  test("the note of a direct write, which runs with the owner's rights, too", () =>
    database.asLogin('mirror_functions')(async (client) => {
      await client.query(SHADOWS);
      await client.query(`update rtdb.quest_completions set payload = '1' where user_id = 'cleo'`);
      const noted = `select key ->> 'user_id' as user_id, key ->> 'quest_id' as quest_id
        from mirror.direct_writes where written_by = 'mirror_functions'`;
      expect(await idsOf(client, noted)).toEqual(['cleo/q1']);
    }));

  test("nor does the note run anybody's code with the owner's rights", () =>
    database.asLogin('mirror_functions')(async (client) => {
      const ranAs = new Set<string | undefined>();
      client.on('notice', ({ message }) => ranAs.add(message));
      await client.query(`
        create function pg_temp.tell(what anyelement) returns boolean language plpgsql
          as $$ begin raise notice '%', current_user; return true; end $$;
        create domain pg_temp.text as pg_catalog.text check (pg_temp.tell(value));
        create domain pg_temp.jsonb as pg_catalog.jsonb check (pg_temp.tell(value));
        create domain pg_temp.date as pg_catalog.date check (pg_temp.tell(value));
        create domain pg_temp.int4 as pg_catalog.int4 check (pg_temp.tell(value));
        select 'what the writer runs'::text`);
      expect(ranAs).toEqual(new Set(['mirror_functions']));
      await client.query(`update rtdb.quest_completions set payload = '1' where user_id = 'cleo'`);
      expect(ranAs).toEqual(new Set(['mirror_functions']));
    }));
});

describe('a forged claim of a client', () => {
  const claim = (values: unknown[]) =>
    database.asLogin('mirror_functions')(async (client) => {
      const call = 'select mirror.claim_by_client($1, $2, $3, $4, $5, $6, $7) as verdict';
      const { rows } = await client.query<{ verdict: string }>(call, values);
      const shown = await client.query(
        `select payload, partner_id, origin, event_id, deleted_at is not null as is_tombstone
         from rtdb.quest_completions where (couple_id, quest_id) = ($1, $2)`,
        [values[0], values[2]],
      );
      return [rows[0]?.verdict, shown.rows[0]];
    });
  const NOW = '2025-11-20T12:00:00Z';

  test.each([
    ['a live row', 'q1', { payload: true, event_id: 'e1', is_tombstone: false }],
    ['a tombstone', 'gone', { payload: null, event_id: 'e2', is_tombstone: true }],
  ])('changes nothing of %s', async (_case, quest, kept) => {
    const forged = [COUPLE, '2025-11-20', quest, ANNA, 'mallory', NOW, '1s'];
    const row = { partner_id: 'ben', origin: 'rtdb', ...kept };
    expect(await claim(forged)).toEqual(['duplicate', row]);
  });

  test.each([
    ['no user', [COUPLE, '2025-11-20', 'q', null, 'ben', NOW, '1s'], '23502'],
    [
      'an id of 800 bytes',
      [COUPLE, '2025-11-20', 'q'.repeat(800), ANNA, 'ben', NOW, '1s'],
      '23514',
    ],
    ['a day that is none', [COUPLE, '2025-02-30', 'q', ANNA, 'ben', NOW, '1s'], '22008'],
    ['SQL for a time limit', [COUPLE, '2025-11-20', 'q', ANNA, 'ben', NOW, `1s'; drop`], '22023'],
  ])('with %s is refused', async (_case, values, code) => {
    await expect(claim(values)).rejects.toMatchObject({ code });
  });

  test('is text, whatever it says', async () => {
    const text = `'); drop table rtdb.quest_completions; --`;
    const [verdict, row] = await claim([text, '2025-11-20', 'q', text, text, NOW, '1s']);
    expect([verdict, row]).toEqual(['applied', expect.objectContaining({ partner_id: text })]);
  });
});
