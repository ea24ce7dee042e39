import fc from 'fast-check';
import type { JsonValue } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';

const KEY = { couple_id: 'a_b' };

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

/** What a view shows of one row with this payload, given as JSON text: numbers may be beyond JavaScript's. */
async function shown(view: string, payload: string): Promise<Record<string, unknown>[]> {
  const { table, key } = TABLES[view] ?? { table: '', key: {} };
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await client.query(
      `insert into rtdb.${table} select * from jsonb_populate_record(
         null::rtdb.${table},
         jsonb_build_object('origin', 'rtdb', 'event_time', now(), 'tie_settled', false,
           'mirrored_at', now(), 'payload', $1::jsonb) || $2)`,
      [payload, JSON.stringify(key)],
    );
    const { rows } = await client.query<{ row: Record<string, unknown> }>(
      `select to_jsonb(v) - $1::text[] as row from rtdb.${view} as v`,
      [Object.keys(key)],
    );
    return rows.map(({ row }) => row);
  } finally {
    await client.query('rollback');
    client.release();
  }
}

const DAY = { ...KEY, date_key: '2025-11-20' };
const SESSION = { ...KEY, session_id: 's' };
const TABLES: Record<string, { table: string; key: Record<string, string> }> = {
  daily_quest_items: { table: 'daily_quests', key: DAY },
  quiz_session_answers: { table: 'quiz_sessions', key: SESSION },
  you_or_me_answers: { table: 'you_or_me_sessions', key: SESSION },
  steps_by_user: { table: 'steps', key: DAY },
};
const VIEWS = Object.keys(TABLES);

const nothing = (columns: string) =>
  Object.fromEntries(columns.split(' ').map((column) => [column, null]));
const NO_QUEST = nothing(
  'quest_id content_id quest_type sort_order is_side_quest format_type quiz_name',
);
const NO_ANSWER = nothing('question_id question_prompt question_content answer_value answered_at');

test.each<[string, string, Record<string, unknown>[]]>([
  [
    'a list with gaps',
    '[null, {"id": "q1"}]',
    [{ ...NO_QUEST, item_key: '1', place: 1, quest_id: 'q1' }],
  ],
  [
    'a map, with a key that is no place',
    '{"7": {"id": "q7"}, "007": {"id": "x"}, "4294967295": {}}',
    [
      { ...NO_QUEST, item_key: '7', place: 7, quest_id: 'q7' },
      { ...NO_QUEST, item_key: '007', place: null, quest_id: 'x' },
      { ...NO_QUEST, item_key: '4294967295', place: null },
    ],
  ],
  [
    'items of every other type',
    '["text", 1, true, [], [["id"]], {"id": {"a": 1}, "sortOrder": "1", "isSideQuest": 1}]',
    [0, 1, 2, 3, 4, 5].map((place) => ({ ...NO_QUEST, item_key: String(place), place })),
  ],
  [
    'numbers that no integer is',
    '[{"sortOrder": 1e400}, {"sortOrder": -2147483649}, {"sortOrder": 0.5}, {"sortOrder": 2e0}]',
    [null, null, null, 2].map((sort_order, place) => ({
      ...{ ...NO_QUEST, item_key: String(place), place, sort_order },
    })),
  ],
])("a day's quests: %s", async (_, payload, rows) => {
  expect(await shown('daily_quest_items', payload)).toEqual(rows);
});

test('predictions without answers, answers without questions, and users who have neither', async () => {
  const payload = {
    questionIds: { '0': 'q0', '2': { odd: true } },
    answers: { ida: [1, '1', 2], noa: 'none', zoe: [] },
    predictions: { noa: { '2': 0, x: 1 } },
  };
  const row = (user_id: string, item_key: string, more: object) => ({
    ...{ user_id, item_key, place: Number.isNaN(Number(item_key)) ? null : Number(item_key) },
    ...{ question_id: null, answer: null, prediction: null, ...more },
  });
  const rows = await shown('quiz_session_answers', JSON.stringify(payload));
  expect(rows).toHaveLength(5);
  expect(rows).toEqual(
    expect.arrayContaining([
      row('ida', '0', { question_id: 'q0', answer: 1 }),
      row('ida', '1', {}),
      row('ida', '2', { answer: 2 }),
      row('noa', '2', { prediction: 0 }),
      row('noa', 'x', { prediction: 1 }),
    ]),
  );
});

test.each([
  '"2025-11-20T06:00:00Z"',
  ...['1e10', '-1', '253402300800000', '1e400', '1e-400', 'true', '{}'],
])('an answer at %s has no time', async (at) => {
  const payload = `{"answers": {"ida": [{"answeredAt": ${at}, "answerValue": "yes"}]}}`;
  expect(await shown('you_or_me_answers', payload)).toEqual([
    { ...NO_ANSWER, user_id: 'ida', item_key: '0', place: 0 },
  ]);
});

test.each([
  ['100000000000', '1973-03-03T09:46:40'],
  ['1763445521000.5', '2025-11-18T05:58:41.0005'],
  ['253402300799000', '9999-12-31T23:59:59'],
])('an answer at %s has a time', async (at, time) => {
  const payload = `{"answers": {"ida": [{"answeredAt": ${at}}]}}`;
  const rows = await shown('you_or_me_answers', payload);
  expect(rows.map(({ answered_at }) => answered_at)).toEqual([`${time}+00:00`]);
});

test('users of a day: an odd one hides no other', async () => {
  const payload = '{"users": {"": {"steps": 3e9}, "ida": {"steps": 5}, "noa": 7}}';
  const row = (user_id: string, steps: number | null) => ({
    ...{ user_id, steps, last_sync_local: null, source: null },
  });
  expect(await shown('steps_by_user', payload)).toEqual([
    row('', null),
    row('ida', 5),
    row('noa', null),
  ]);
});

/** Values in which the fields that the views read hold anything. */
const FIELDS = 'answers predictions questionIds users ida 0 1 answeredAt sortOrder id steps';
const odd = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom<JsonValue>(null, true, '', '1', 0, -0.5, 1e308, 2 ** 31, 1763445521000),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...FIELDS.split(' ')), tie('value'), { maxKeys: 6 }),
  ),
})).value;

test.each(VIEWS)('no payload makes %s fail', async (view) => {
  await fc.assert(
    fc.asyncProperty(odd, async (payload) => {
      await shown(view, JSON.stringify(payload));
    }),
  );
});
