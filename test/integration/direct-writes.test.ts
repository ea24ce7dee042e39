import { cloneDatabase, type TestDatabase } from '../support/database';

/** What `mirror.direct_writes` shows of writes past the mirror. */

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

beforeEach(() => database.query('delete from mirror.direct_writes'));

const KEY = { couple_id: 'a_b', date_key: '2025-11-20', quest_id: 'q', user_id: 'a' };
const INSERT = `
insert into rtdb.quest_completions
  (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time)
values ('a_b', '2025-11-20', 'q', 'a', now(), 'true', 'rtdb', now())`;

const noted = () =>
  database.query(
    `select path, shard, day::text, key, operation, written_by = session_user as is_mine,
       old_payload, new_payload
     from mirror.direct_writes`,
  );

const PLACE = { path: 'quest_completions', shard: 'a_b', day: '2025-11-20', key: KEY };

test('the last write of a leaf is noted, with who made it and both values', async () => {
  await database.query(INSERT);
  const inserted = { old_payload: null, new_payload: true, is_mine: true };
  expect(await noted()).toEqual([{ ...PLACE, operation: 'insert', ...inserted }]);
  await database.query(`update rtdb.quest_completions set payload = '7'`);
  const updated = { old_payload: true, new_payload: 7, is_mine: true };
  expect(await noted()).toEqual([{ ...PLACE, operation: 'update', ...updated }]);
  await database.query('delete from rtdb.quest_completions');
  const deleted = { old_payload: 7, new_payload: null, is_mine: true };
  expect(await noted()).toEqual([{ ...PLACE, operation: 'delete', ...deleted }]);
});

test('a key that changes is one leaf that is gone and one that is new', async () => {
  await database.query(INSERT);
  await database.query(`update rtdb.quest_completions set quest_id = '"new"', couple_id = 'c_d'`);
  const key = { ...KEY, quest_id: '"new"', couple_id: 'c_d' };
  const rows = await noted();
  expect(rows).toHaveLength(2);
  expect(rows).toEqual(
    expect.arrayContaining([
      { ...PLACE, operation: 'delete', old_payload: true, new_payload: null, is_mine: true },
      {
        ...{ ...PLACE, key, shard: 'c_d', operation: 'insert' },
        ...{ old_payload: null, new_payload: true, is_mine: true },
      },
    ]),
  );
  await database.query('delete from rtdb.quest_completions');
});

test('a TRUNCATE is one row of its path, without a key', async () => {
  await database.query(INSERT);
  await database.query('truncate rtdb.quest_completions');
  await database.query('truncate rtdb.quest_completions');
  const truncated = { key: {}, shard: null, day: null, old_payload: null, new_payload: null };
  expect(await noted()).toContainEqual({
    ...{ path: 'quest_completions', operation: 'truncate', is_mine: true },
    ...truncated,
  });
  expect(await noted()).toHaveLength(2);
});

test("the mirror's own writers are not noted", async () => {
  await database.query(`begin; set local mirror.writer = 'on'; ${INSERT}; commit`);
  expect(await noted()).toEqual([]);
});

test('a large value is noted by its size and hash', async () => {
  await database.query(
    `update rtdb.quest_completions set payload = to_jsonb(repeat('x', 1000000))`,
  );
  expect(await noted()).toMatchObject([{ new_payload: { truncated: true, bytes: 1_000_002 } }]);
});
