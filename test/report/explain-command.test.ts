import { runCommand } from '../support/command';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

const REF = 'daily_quests/alice_bob/2025-11-19/completions/quest_1/bob';
const KEYS = REF.split('/');

let database: TestDatabase;
let rtdb: StandinTree;

beforeAll(async () => {
  [database, rtdb] = await Promise.all([cloneDatabase(), startStandinTree()]);
});

afterAll(async () => {
  await rtdb.standin.stop();
  await database.drop();
});

beforeEach(async () => {
  await database.query(
    `truncate rtdb.quest_completions, mirror.divergence_log, mirror.direct_writes,
       mirror.coverage, mirror.readings`,
  );
  await rtdb.rest.remove(['daily_quests']);
});

const explain = (...args: string[]) =>
  runCommand(['explain', ...args], { DATABASE_URL: database.url, ...rtdb.env });

const addRow = (coupleId: string, userId: string, payload: unknown) =>
  database.query(
    `insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_id, event_time,
        mirrored_at)
     values ($1, '2025-11-19', 'quest_1', $2, '2025-11-19T12:00:00Z', $3, 'rtdb', 'e1',
       '2025-11-19T12:00:00Z', '2025-11-19T12:00:01.5Z')`,
    [coupleId, userId, JSON.stringify(payload)],
  );

test('a leaf of which nobody knows anything', async () => {
  const { code, out } = await explain(REF);
  expect(code).toBe(0);
  expect(out).toContain('Neither side holds it.');
});

test('the whole story of a leaf', async () => {
  await rtdb.rest.set(KEYS, 1763553600000);
  await addRow('alice_bob', 'bob', true);
  await database.query(
    `insert into mirror.divergence_log
       (path, ref, kind, cause, severity, detected_by, detail, first_seen_at, resolved_at) values
       ('quest_completions', $1, 'out_of_order', 'race', 'info', 'trigger', '{"behind_ms": 12}', '2025-11-19T13:00Z',
        '2025-11-19T14:00Z'),
       ('quest_completions', 'daily_quests/alice_bob/2025-11-19', 'missing_in_rtdb', 'retention', 'info', 'trigger', null,
        '2025-11-20T13:00Z', null),
       ('quest_completions', 'daily_quests/alice_bob/2025-11-20/completions/quest_1/bob', 'out_of_order', 'race',
        'info', 'trigger', null, '2025-11-20T13:00Z', null),
       ('quest_lists', 'daily_quests/alice_bob/2025-11-19', 'out_of_order', 'race', 'info', 'trigger', null,
        '2025-11-20T13:00Z', null)`,
    [REF],
  );
  await database.query(
    `insert into mirror.coverage (from_at, to_at, reason) values
       ('2025-11-19T11:30Z', '2025-11-19T12:40Z', 'outage'),
       ('2025-11-22T10:30Z', '2025-11-22T10:40Z', 'outage')`,
  );
  await database.query(
    `insert into mirror.readings (path, shard, read_at, read_from, full_at) values
       ('quest_completions', 'alice_bob', '2025-11-23T10:00Z', '2025-11-16', '2025-11-23T10:00Z')`,
  );
  const { code, out } = await explain(REF, '--json');
  expect(code).toBe(0);
  const story = JSON.parse(out);
  expect(story).toMatchObject({
    ref: REF,
    comparison: 'value_mismatch',
    rtdb: { value: 1763553600000, issues: [] },
    row: { payload: true, eventId: 'e1', eventTime: '2025-11-19T12:00:00.000000Z', lagMs: 1500 },
    divergences: [{ kind: 'out_of_order' }, { kind: 'missing_in_rtdb', cause: 'retention' }],
    directWrite: { operation: 'insert', newPayload: true },
    gaps: [{ reason: 'outage', fromAt: '2025-11-19T11:30:00.000000Z' }],
    bounds: { after: '2025-11-23T10:00:00.000000Z' },
    reading: { fullAt: '2025-11-23T10:00:00.000000Z' },
  });
  const people = await explain(REF);
  expect(people.out).toContain('Both sides hold it, with different values.');
  expect(people.out).toContain('info out_of_order by race, resolved 2025-11-19T14:00:00.000000Z');
  expect(people.out).toContain('of daily_quests/alice_bob/2025-11-19;');
  expect(people.out).toContain('mirrored   2025-11-19T12:00:01.500000Z, lag 1500 ms');
});

test.each([
  ['with a slash before it', `/${REF}`],
  ['as a URL', `https://some-default-rtdb.firebaseio.com/${REF}`],
  ['as a URL of REST', `http://127.0.0.1:9000/${REF}.json?ns=demo-quests-default-rtdb`],
  ['as a percent-encoded URL', `https://x.firebaseio.com/${REF.replace('alice', '%61lice')}`],
])('a path %s', async (_name, ref) => {
  expect(JSON.parse((await explain(ref, '--json')).out).ref).toBe(REF);
});

test('a value that the mirror refuses is told with the reason', async () => {
  await rtdb.rest.set(KEYS, 'yes');
  const { out } = await explain(REF);
  expect(out).toContain('RTDB holds it, Postgres does not.');
  expect(out).toContain('"yes", which the mirror refuses: value: expected true');
});

test.each([
  ['another depth', 'daily_quests/alice_bob/2025-11-19', 'ref: expected daily_quests/'],
  ['no such date', REF.replace('11-19', '02-30'), 'dateKey: expected a calendar date'],
  ['half an escape', `https://x.firebaseio.com/${REF}%E0%A4`, 'REF: expected a URL'],
  ['nothing', '', 'ref: expected daily_quests/'],
])('%s ends with 2 and the field', async (_name, ref, part) => {
  const { code, out, errors } = await explain(ref);
  expect([code, out]).toEqual([2, '']);
  expect(errors).toContain(part);
  expect(errors.trim().split('\n')).toHaveLength(1);
});

test.each([
  ['keys that RTDB holds', 'bob\u202e\u009b31m\u200b', 0],
  ['keys that RTDB refuses', 'bob\u001b[2J', 2],
])('what a terminal would act on is written out: %s', async (_name, user, expected) => {
  await addRow(`alice_${user}`, user, true);
  const ref = `daily_quests/alice_${user}/2025-11-19/completions/quest_1/${user}`;
  for (const args of [[ref], [ref, '--json'], [`${ref}/more`], [`--${ref}`]]) {
    const { code, out, errors } = await explain(...args);
    expect(code).toBe(args[0] === ref ? expected : 2);
    expect(`${out}${errors}`.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  }
});

test('hostile values in the log and in RTDB are written out', async () => {
  await rtdb.rest.set(KEYS, { completedAt: 5, note: 'a\u202eb\u001b[31m\u0085' });
  await addRow('alice_bob', 'bob', { completedAt: 5, note: '\u2067x' });
  await database.query(
    `insert into mirror.divergence_log (path, ref, kind, cause, severity, detected_by, detail)
     values ('quest_completions', $1, 'out_of_order', 'race', 'info', 'trigger', $2)`,
    [REF, JSON.stringify({ text: '\u001b[0m\u2029' })],
  );
  for (const args of [[REF], [REF, '--json']]) {
    const { code, out } = await explain(...args);
    expect(code).toBe(0);
    expect(out.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(out).toContain('\\u202e');
  }
});

test('an unreachable RTDB is one line and exit code 2', async () => {
  const { code, errors } = await runCommand(['explain', REF], {
    DATABASE_URL: database.url,
    FIREBASE_DATABASE_EMULATOR_HOST: '127.0.0.1:9',
    GCLOUD_PROJECT: 'demo-quests',
  });
  expect(code).toBe(2);
  expect(errors).toMatch(/^Reads RTDB .*\nmirror: RTDB can't be reached: .*\n$/);
});
