import { Client } from 'pg';
import { seededRandom } from '../../simulate/seeded-random';
import { cloneDatabase, type TestDatabase } from '../support/database';

/** Statements of many workers at once, on the same shards: whatever waits, nothing waits in a ring. */

const WORKERS = 6;
const ROUNDS = 100;
const PATH = 'quest_completions';
const SHARDS = Array.from({ length: 40 }, (_, n) => `a_${n}`);
const TODAY = new Date().toISOString().slice(0, 10);

let database: TestDatabase;

beforeEach(async () => {
  database = await cloneDatabase();
  // A ring is found at once, not after a second: more of them show.
  const name = new URL(database.url).pathname.slice(1);
  await database.query(`alter database "${name}" set deadlock_timeout = '5ms'`);
  await database.query(
    `with writer as materialized (select set_config('mirror.writer', 'on', true))
     insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_id, event_time)
     select shard, $2, 'q', 'a', now(), 'true', 'rtdb', 'e', now() from writer, unnest($1::text[]) as shard`,
    [SHARDS, TODAY],
  );
});

afterEach(() => database.drop());

/** Half of them, in any order. */
function shuffled(all: readonly string[], random: () => number): string[] {
  const half = all.filter(() => random() < 0.5).map((one) => ({ one, place: random() }));
  return half.sort((a, b) => a.place - b.place).map(({ one }) => one);
}

const LEASE = "interval '1 ms'";
const KEYS = Array.from({ length: 8 }, (_, n) => `q${n}`);
const refOf = (shard: string, quest: string) =>
  `daily_quests/${shard}/${TODAY}/completions/${quest}/a`;
const FOUND = `
  select coalesce(jsonb_agg(jsonb_build_object(
    'ref', ref, 'kind', 'value_mismatch', 'cause', 'unknown', 'severity', 'error', 'day', $3::text,
    'key', jsonb_build_object('ref', ref), 'written_before', clock_timestamp(), 'detail', '{}'::jsonb
  )), '[]') as rows
  from unnest($4::text[]) as ref`;
/** Open rows of a shard, in any order. */
const OPEN = `
  select coalesce(jsonb_agg(jsonb_build_object('id', log.id, 'by', 'event') order by random()), '[]') as rows
  from mirror.divergence_log as log
  where log.shard = $2 and log.resolved_at is null`;
const valuesOfShard = ([shard = 'a_0']: string[], random: () => number) => {
  const quests = shuffled(KEYS, random);
  return [PATH, shard, TODAY, quests.map((quest) => refOf(shard, quest))];
};

/** What a worker, a verb or the flag's watch does to the queue's books; each is one transaction. */
const STATEMENTS: [string, (shards: string[], random: () => number) => unknown[]][] = [
  [`select mirror.take_due(32, ${LEASE}, $1, null, null)`, () => [{ [PATH]: ['daily_quests'] }]],
  [
    'select mirror.give_back(array_fill($1::text, array[cardinality($2::text[])]), $2)',
    (some) => [PATH, some],
  ],
  [`select mirror.note_touched($1, 'canary', interval '0', 15, null, null)`, () => [PATH]],
  [
    `select mirror.note_listed($1, clock_timestamp(), $2, 'z', interval '0')`,
    (some) => [PATH, some],
  ],
  [
    `select mirror.note_rows($1, 'canary', null, 1000, clock_timestamp(), interval '0')`,
    () => [PATH],
  ],
  ['select mirror.note_gap($1, clock_timestamp(), null, 1000)', () => [PATH]],
  [`select mirror.make_due(array[$1, 'daily_quests'], $2, true)`, (some) => [PATH, some]],
  [`select mirror.make_page_due($1, false, clock_timestamp(), null, null, 1000)`, () => [PATH]],
  [`select mirror.begin_listing(array['daily_quests', $1], interval '0')`, () => [PATH]],
  ['select mirror.end_listing($1, clock_timestamp())', () => [PATH]],
  ['select mirror.note_first_pass($1)', () => [PATH]],
  [`select mirror.note_backup($1, clock_timestamp(), null, '{}', null, 1000)`, () => [PATH]],
  [
    `select mirror.set_reading(jsonb_build_object(
       'path', $1::text, 'shard', $2::text, 'kind', 'full', 'is_full_due', false, 'is_gone', false,
       'began_at', clock_timestamp(), 'read_at', clock_timestamp(), 'due_at', clock_timestamp(),
       'seen_set_at', (select set_at from mirror.readings where (path, shard) = ($1, $2)),
       'brought', length($2::text), 'in_flight', 0, 'suspects', '[]'::jsonb,
       'found', found.rows, 'renewed', open.rows, 'resolved', '[]'::jsonb))
     from (${FOUND}) as found, (${OPEN}) as open`,
    valuesOfShard,
  ],
  [
    `select mirror.log_reading($1, $2, 'api', found.rows, '[]', open.rows)
     from (${FOUND}) as found, (${OPEN}) as open`,
    valuesOfShard,
  ],
  [
    `select mirror.settle_written($1, $2, 'repair', $4, '{value_mismatch}', found.rows)
     from (${FOUND}) as found`,
    valuesOfShard,
  ],
  ['select mirror.resolve_told($1)', () => [PATH]],
  [`select mirror.fail_reading($1, $2, 'no', interval '0')`, ([shard = 'a_0']) => [PATH, shard]],
];

const UNKNOWN: (typeof STATEMENTS)[number] = ['select', () => []];

async function worker(seed: number): Promise<string[]> {
  const random = seededRandom(seed);
  const client = new Client(database.url);
  await client.connect();
  const failures: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const [text, valuesOf] = STATEMENTS[Math.floor(random() * STATEMENTS.length)] ?? UNKNOWN;
    await client.query(text, valuesOf(shuffled(SHARDS, random), random)).catch((error: Error) => {
      failures.push(`${text}: ${error.message}`);
    });
  }
  await client.end();
  return failures;
}

test('workers and verbs at once on the same shards never wait for each other in a ring', async () => {
  const seeds = Array.from({ length: WORKERS }, (_, n) => n + 1);
  const failures = await Promise.all(seeds.map(worker));
  expect(failures.flat()).toEqual([]);
  const [row] = await database.query<{ deadlocks: string }>(
    'select deadlocks from pg_stat_database where datname = current_database()',
  );
  expect(row?.deadlocks).toBe('0');
}, 60_000);

test('what is due of a path is taken without a walk over what is due of others', async () => {
  await database.query(
    `insert into mirror.readings (path, shard, due_at)
     select 'lp_awards', 's' || n, now() - interval '1 day' from generate_series(1, 3000) as n`,
  );
  await database.query(
    `insert into mirror.readings (path, shard) values ('steps', 's1'), ('steps', 's2')`,
  );
  await database.query('analyze mirror.readings');
  const client = await database.pool.connect();
  const fetched = async () => {
    const { rows } = await client.query(
      `select (seq_tup_read + coalesce(idx_tup_fetch, 0))::integer as rows
       from pg_stat_xact_user_tables where relid = 'mirror.readings'::regclass`,
    );
    return Number(rows[0]?.rows);
  };
  const take = async (paths: string[] | null, shards: string[] | null) => {
    await client.query('begin');
    const before = await fetched();
    const { rows } = await client.query(
      `select path || ' ' || shard as taken from mirror.take_due(32, interval '1 hour', '{}', $1, $2) order by 1`,
      [paths, shards],
    );
    const read = (await fetched()) - before;
    await client.query('rollback');
    return { taken: rows.map(({ taken }) => taken), isShort: read < 500 };
  };
  try {
    expect(await take(['steps'], null)).toEqual({ taken: ['steps s1', 'steps s2'], isShort: true });
    expect(await take(null, ['s2'])).toEqual({
      taken: ['lp_awards s2', 'steps s2'],
      isShort: true,
    });
    expect((await take(null, null)).taken).toHaveLength(32);
  } finally {
    client.release();
  }
});

test('a shard of which a row moved while a worker had it is wanted again an hour later', async () => {
  const taken = async () =>
    (
      await database.query<{ shard: string }>(
        `select shard from mirror.take_due(100, interval '1 hour', '{}', array[$1], null)`,
        [PATH],
      )
    ).map(({ shard }) => shard);
  await database.query(
    `insert into mirror.readings (path, shard) select $1, shard from unnest($2::text[]) as shard`,
    [PATH, ['a_0', 'a_1']],
  );
  expect((await taken()).sort()).toEqual(['a_0', 'a_1']);
  const [begun] = await database.query<{ at: string }>('select clock_timestamp()::text as at');
  await database.query(
    `select mirror.note_touched($1, 'canary', interval '1 hour', 1000, null, null)`,
    [PATH],
  );
  const set = `select mirror.set_reading(jsonb_build_object(
    'path', $1::text, 'shard', $2::text, 'kind', 'full', 'is_full_due', false, 'is_gone', false,
    'began_at', $3::timestamptz, 'read_at', $3::timestamptz, 'due_at', $3::timestamptz + interval '20 hours',
    'touched_again_at', $3::timestamptz + interval '1 hour', 'brought', 0, 'in_flight', 0,
    'found', '[]'::jsonb, 'renewed', '[]'::jsonb, 'resolved', '[]'::jsonb, 'suspects', '[]'::jsonb))`;
  await database.query(set, [PATH, 'a_0', begun?.at]);
  // This one began later: the row was there.
  await database.query(set, [PATH, 'a_1', new Date(Date.now() + 1_000)]);
  const due = await database.query<{ shard: string; hours: number }>(
    `select shard, round(extract(epoch from due_at - read_at) / 3600)::integer as hours
     from mirror.readings where path = $1 and shard in ('a_0', 'a_1') order by shard`,
    [PATH],
  );
  expect(due).toEqual([
    { shard: 'a_0', hours: 1 },
    { shard: 'a_1', hours: 20 },
  ]);
  expect((await taken()).filter((shard) => shard === 'a_0' || shard === 'a_1')).toEqual([]);
});

test('a worker that goes on with a listing that is over says nothing of the next one', async () => {
  const begin = async () =>
    (
      await database.query<{ at: string; after_key: string | null }>(
        `select began_at::text as at, after_key from mirror.begin_listing(array[$1], interval '0')`,
        [PATH],
      )
    )[0];
  const list = (at: string | undefined, shards: string[]) =>
    database.query(`select mirror.note_listed($1, $2, $3, $4, interval '1 hour')`, [
      ...[PATH, at, shards, shards.at(-1)],
    ]);
  const first = await begin();
  await list(first?.at, ['a_0', 'a_1']);
  await database.query('select mirror.end_listing($1, $2)', [PATH, first?.at]);
  const second = await begin();
  await list(second?.at, ['a_0', 'a_1']);
  await list(first?.at, ['a_1', 'a_8', 'a_9']);
  expect(await begin()).toEqual({ at: second?.at, after_key: 'a_1' });
  const listed = await database.query<{ shard: string; is_second: boolean }>(
    `select shard, listed_at = $2 as is_second from mirror.readings where path = $1 order by shard`,
    [PATH, second?.at],
  );
  expect(listed.map(({ shard, is_second }) => `${shard} ${is_second}`)).toEqual([
    ...['a_0 true', 'a_1 true', 'a_8 false', 'a_9 false'],
  ]);
});

test('the first pass is over once all is read that its listing showed, however long that took', async () => {
  const isOver = async () =>
    (
      await database.query<{ over: boolean }>('select mirror.note_first_pass($1) as over', [PATH])
    )[0]?.over;
  await database.query(
    `insert into mirror.listings (path, began_at) values ($1, now() - interval '10 minutes')`,
    [PATH],
  );
  await database.query(
    `insert into mirror.readings (path, shard, first_seen_at, full_at) values
       ($1, 'a_0', now() - interval '10 minutes', now()), ($1, 'a_9', now() - interval '1 minute', null)`,
    [PATH],
  );
  await database.query(
    'select mirror.end_listing($1, l.began_at) from mirror.listings as l where l.path = $1',
    [PATH],
  );
  // Born since: no matter of it.
  await database.query(`insert into mirror.readings (path, shard) values ($1, 'b_0')`, [PATH]);
  expect(await isOver()).toBe(false);
  await database.query(`update mirror.readings set full_at = now() where shard = 'a_9'`);
  expect(await isOver()).toBe(true);
});

test('rows that moved are noted by pages, and a worker that ends amid them leaves the rest to the next', async () => {
  await database.query(
    `with writer as materialized (select set_config('mirror.writer', 'on', true)),
     listing as (
       insert into mirror.listings (path, touched_to) values ($1, now() - interval '1 hour')
     )
     update rtdb.quest_completions as q
     set mirrored_at = now() - interval '1 minute' + interval '1 ms' * substr(q.couple_id, 3)::integer
     from writer`,
    [PATH],
  );
  const page = async (after: string | null, began: string | null) =>
    (
      await database.query<{ last_at: string | null; look_began_at: string }>(
        `select last_at::text, look_began_at::text
         from mirror.note_touched($1, 'canary', interval '1 hour', 15, $2, $3)`,
        [PATH, after, began],
      )
    )[0];
  const known = async () =>
    (await database.query('select from mirror.readings where path = $1', [PATH])).length;
  const first = await page(null, null);
  expect(await known()).toBe(15);
  // Two minutes back from where the first one came to.
  const second = await page(null, null);
  expect(second?.last_at).toEqual(first?.last_at);
  let next = second;
  for (const count of [30, 40]) {
    next = await page(next?.last_at ?? null, next?.look_began_at ?? null);
    expect(await known()).toBe(count);
  }
  expect(next?.last_at).toBeNull();
  const [listing] = await database.query<{ is_begun: boolean }>(
    `select touched_to = $2::timestamptz as is_begun from mirror.listings where path = $1`,
    [PATH, second?.look_began_at],
  );
  expect(listing?.is_begun).toBe(true);
});

test('of all shards a page at a time is made due', async () => {
  await database.query(
    `insert into mirror.readings (path, shard, due_at, is_full_due)
     select $1, shard, now() + interval '1 hour', false from unnest($2::text[]) as shard`,
    [PATH, SHARDS],
  );
  const pages: number[] = [];
  let after: string | null = null;
  do {
    const [row]: { last_shard: string | null }[] = await database.query(
      `select mirror.make_page_due($1, true, clock_timestamp(), null, $2, 16) as last_shard`,
      [PATH, after],
    );
    after = row?.last_shard ?? null;
    const due = await database.query(
      'select from mirror.readings where due_at <= clock_timestamp() and is_full_due',
    );
    pages.push(due.length);
  } while (after !== null);
  expect(pages).toEqual([16, 32, 40]);
});
