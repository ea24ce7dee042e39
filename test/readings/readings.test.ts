import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import { quizProgression } from '../../functions/src/paths/quiz-progression';
import { startProof, type TestProof } from './support/proof';

let proof: TestProof;

beforeEach(async () => {
  proof = await startProof();
});

afterEach(() => proof.stop());

const TREES = JSON.parse(
  readFileSync(join(__dirname, '..', 'fixtures', 'app', 'app-trees.json'), 'utf8'),
) as Record<string, unknown>;

const TODAY = new Date().toISOString().slice(0, 10);
const leaf = (quest: string, day = TODAY) => [
  'daily_quests',
  'a_b',
  day,
  'completions',
  quest,
  'a',
];
const ref = (quest: string, day = TODAY) => leaf(quest, day).join('/');

/** A row as an event leaves it. */
const mirror = (
  quest: string,
  { day = TODAY, payload = 'true', eventTime = new Date(), origin = 'rtdb' } = {},
) =>
  proof.database.query(
    `with writer as materialized (select set_config('mirror.writer', 'on', false))
     insert into rtdb.quest_completions as q
       (couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_id, event_time)
     select 'a_b', $1, $2, 'a', 'b', $3::timestamptz, $4::jsonb, $5, gen_random_uuid(), $3 from writer
     on conflict (couple_id, date_key, quest_id, user_id) do update
     set payload = excluded.payload, event_time = excluded.event_time, event_id = excluded.event_id,
       completed_at = excluded.completed_at, mirrored_at = clock_timestamp()`,
    [day, quest, eventTime, payload, origin],
  );

const log = () =>
  proof.database.query(
    `select ref, kind, keys, resolved_by, written_after is not null as has_lower_bound
     from mirror.divergence_log where detected_by = 'reconciler' order by ref, id`,
  );

const reading = async () => {
  const [row] = await proof.database.query(
    `select keys, brought, in_flight, counted_since::text, failed_at, error, read_at = set_at as is_whole
     from mirror.readings where (path, shard) = ('quest_completions', 'a_b')`,
  );
  return row;
};

const work = () => proof.work({}, [questCompletions]);
const due = () => proof.database.query('update mirror.readings set due_at = clock_timestamp()');

test('a first pass reads every shard of every path in full, and then nothing is due', async () => {
  for (const [name, tree] of Object.entries(TREES))
    await proof.rtdb.rest.set([name], tree as never);
  const done = await proof.work();
  expect(done.failures).toEqual([]);
  expect(new Set(done.outcomes.map(({ kind }) => kind))).toEqual(new Set(['full', 'suspects']));
  const unread = await proof.database.query(
    'select path, shard from mirror.readings where full_at is null or in_flight > 0',
  );
  expect(unread).toEqual([]);
  const passed = await proof.database.query('select from mirror.paths where first_pass_at is null');
  expect(passed).toEqual([]);
  expect((await proof.work()).read).toBe(0);
});

test('what agrees is counted, and what one store lacks is a difference once it was looked at twice', async () => {
  await proof.rtdb.rest.set(leaf('q1'), true);
  await proof.rtdb.rest.set(leaf('q2'), true);
  await mirror('q1');
  await mirror('q3');
  const done = await work();
  expect(done.outcomes.map(({ kind, decision }) => [kind, decision.suspects.length])).toEqual([
    ['full', 2],
    ['suspects', 0],
  ]);
  expect(await log()).toMatchObject([
    { ref: ref('q2'), kind: 'missing_in_postgres', resolved_by: null, has_lower_bound: false },
    { ref: ref('q3'), kind: 'missing_in_rtdb', resolved_by: null, has_lower_bound: false },
  ]);
  expect(await reading()).toMatchObject({
    keys: 3,
    in_flight: 0,
    counted_since: null,
    failed_at: null,
  });
});

test('a document that Postgres lacks, or has another value of, is told so', async () => {
  const { rest } = proof.rtdb;
  await rest.set(['quiz_progression', 'a_b'], { currentTrack: 1 });
  await rest.set(['quiz_progression', 'c_d'], { currentTrack: 2 });
  await proof.database.query(
    `with writer as materialized (select set_config('mirror.writer', 'on', false))
     insert into rtdb.quiz_progression (couple_id, payload, current_track, origin, event_id, event_time)
     select 'c_d', '{"currentTrack": 1}', 1, 'rtdb', 'e1', clock_timestamp() from writer`,
  );
  await proof.work({}, [quizProgression]);
  expect(await log()).toMatchObject([
    { ref: 'quiz_progression/a_b', kind: 'missing_in_postgres' },
    { ref: 'quiz_progression/c_d', kind: 'value_mismatch' },
  ]);
});

test('an event that comes late resolves its difference', async () => {
  await proof.rtdb.rest.set(leaf('q1'), true);
  const writtenAt = new Date();
  await work();
  await mirror('q1', { eventTime: writtenAt });
  await due();
  await work();
  expect(await log()).toMatchObject([{ kind: 'missing_in_postgres', resolved_by: 'event' }]);
  expect(await reading()).toMatchObject({ keys: 1, in_flight: 0 });
});

test('a row of a backfill that no reading saw missing is logged as one that was', async () => {
  await proof.rtdb.rest.set(leaf('q1'), true);
  await mirror('q1');
  await work();
  await proof.rtdb.rest.set(leaf('q2'), true);
  await mirror('q2', { origin: 'backfill' });
  await due();
  await work();
  expect(await log()).toMatchObject([
    { ref: ref('q2'), kind: 'missing_in_postgres', resolved_by: 'backfill', has_lower_bound: true },
  ]);
});

test('a lost update of an old day is found by the next full reading, with its bounds', async () => {
  const old = '2026-01-05';
  await proof.rtdb.rest.set(leaf('q1', old), true);
  await mirror('q1', { day: old });
  await work();
  await proof.rtdb.rest.set(leaf('q1', old), 1_767_600_000_000);
  await due();
  await work();
  expect(await log()).toEqual([]);
  await proof.database.query('update mirror.readings set is_full_due = true, due_at = now()');
  await work();
  expect(await log()).toMatchObject([{ kind: 'value_mismatch', has_lower_bound: true }]);
});

test('columns that do not follow from the payload differ', async () => {
  await proof.rtdb.rest.set(leaf('q1'), true);
  await mirror('q1');
  await proof.database.query(
    `update rtdb.quest_completions set partner_id = 'stranger', completed_at = '2023-01-01'`,
  );
  await work();
  expect(await log()).toMatchObject([{ ref: ref('q1'), kind: 'column_mismatch' }]);
});

test('what lies at odd places is a difference, and one shard that RTDB cannot hold fails nobody', async () => {
  await proof.rtdb.rest.set(['daily_quests', 'a_b', '20261127', 'completions', 'q1', 'a'], true);
  await proof.rtdb.rest.set(['daily_quests', 'a_b', TODAY, 'completions', 'q2'], true);
  await proof.rtdb.rest.set(['daily_quests', 'a_b', '2569-11-27', 'completions', 'q3', 'a'], true);
  await proof.database.query(
    `insert into rtdb.quest_completions (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time)
     values ('a.b_c#d', $1, 'q', 'a', now(), 'true', 'rtdb', now()), ('', $1, 'q', 'a', now(), 'true', 'rtdb', now()),
       ('a_b', $1, 'x/y', 'a', now(), 'true', 'rtdb', now()), ('a_b', $1, 'x', 'y/a', now(), 'true', 'rtdb', now())`,
    [TODAY],
  );
  const done = await work();
  expect(done.failures).toEqual([]);
  const found = await proof.database.query(
    'select shard, kind, keys, ref from mirror.divergence_log order by shard, kind, ref',
  );
  expect(found).toMatchObject([
    { shard: '', kind: 'missing_in_rtdb' },
    { shard: 'a.b_c#d', kind: 'missing_in_rtdb' },
    { shard: 'a_b', kind: 'invalid_payload' },
    { shard: 'a_b', kind: 'invalid_payload' },
    { shard: 'a_b', kind: 'invalid_payload' },
    { shard: 'a_b', kind: 'missing_in_rtdb' },
    { shard: 'a_b', kind: 'missing_in_rtdb' },
  ]);
});

test('of a shard with more than a hundred differences one row stands for all, until few are left', async () => {
  const quests = Object.fromEntries(Array.from({ length: 130 }, (_, n) => [`q${n}`, { a: true }]));
  await proof.rtdb.rest.set(['daily_quests', 'a_b', TODAY, 'completions'], quests);
  await work();
  expect(await log()).toMatchObject([{ kind: 'missing_in_postgres', keys: 130 }]);
  expect(await reading()).toMatchObject({ keys: 130, in_flight: 0 });
  for (let n = 0; n < 20; n += 1) await mirror(`q${n}`, { origin: 'backfill' });
  await due();
  await work();
  expect(await log()).toMatchObject([
    { keys: 110, resolved_by: null },
    { keys: 20, resolved_by: 'backfill' },
  ]);
  for (let n = 20; n < 128; n += 1) await mirror(`q${n}`, { origin: 'backfill' });
  await due();
  await work();
  const open = (await log()).filter((row) => row.resolved_by === null);
  expect(open).toMatchObject([{ ref: ref('q128') }, { ref: ref('q129') }]);
});
