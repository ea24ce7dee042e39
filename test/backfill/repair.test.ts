import { REPAIR_ROWS } from '../../functions/src/repair/repair-rows';
import { runCommand } from '../support/command';
import type { TestDatabase } from '../support/database';
import { mirrorOn, type TestMirror, writeOf } from '../support/mirror';
import { pristineDatabase } from '../support/pristine-database';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

const DATE = '2025-11-19';
const DAYS = ['--from', DATE, '--to', DATE];
const RANGE = ['--path', 'quest_completions', ...DAYS];

let database: TestDatabase;
let rtdb: StandinTree;
let mirror: TestMirror;

beforeEach(async () => {
  database = await pristineDatabase();
  rtdb = await startStandinTree();
  mirror = mirrorOn(database.url, (path) => rtdb.rest.get(path.split('/')));
});

afterEach(async () => {
  await mirror.store.close();
  await rtdb.standin.stop();
});

const run = (...args: string[]) => runCommand(args, { ...rtdb.env, DATABASE_URL: database.url });
const repair = (...args: string[]) => run('repair', ...args);

const leaf = (quest = 'quest_1', user = 'ann') => [
  ...['daily_quests', 'ann_bob', DATE],
  ...['completions', quest, user],
];

const event = (
  id: string,
  second: number,
  path: string[],
  after: unknown,
  before: unknown = null,
) =>
  mirror.mirror({
    ...writeOf({
      id,
      ref: path.join('/'),
      time: `2025-11-19T12:00:${String(second).padStart(2, '0')}Z`,
    }),
    before,
    after,
  });

const rows = () =>
  database.query(
    `select quest_id, payload, origin, deleted_at is not null as is_tombstone
     from rtdb.quest_completions order by quest_id`,
  );

/** A changed leaf, a deleted one, and one without a row: none of it told by an event. */
const differ = async () => {
  await event('e1', 1, leaf('quest_1'), true);
  await event('e2', 1, leaf('quest_2'), true);
  await rtdb.rest.set(leaf('quest_1'), 1763553600000);
  await rtdb.rest.set(leaf('quest_3'), true);
};

test('without --write it shows what differs, and writes nothing', async () => {
  await differ();
  const before = await rows();
  const { code, out } = await repair(...RANGE);
  expect(code).toBe(0);
  expect(out).toContain(leaf('quest_2').join('/'));
  expect(out).toContain('RTDB: 1763553600000, Postgres: true: would be set to what RTDB holds');
  expect(out).toContain('Nothing was written');
  expect(await rows()).toEqual(before);
});

test('with --write both sides agree, and a second time nothing differs', async () => {
  await differ();
  const { out } = await repair(...RANGE, '--write', '--json');
  expect(JSON.parse(out)).toMatchObject({ written: 2, buried: 1 });
  const origin = 'repair';
  expect(await rows()).toEqual([
    { quest_id: 'quest_1', payload: 1763553600000, origin, is_tombstone: false },
    { quest_id: 'quest_2', payload: null, origin, is_tombstone: true },
    { quest_id: 'quest_3', payload: true, origin, is_tombstone: false },
  ]);
  expect((await repair(...RANGE)).out).toBe('Nothing differs.\n');
  expect(await database.query('select from mirror.direct_writes')).toEqual([]);
});

test('only the leaf that is named is repaired', async () => {
  await differ();
  await repair(leaf('quest_2').join('/'), '--write');
  expect(await rows()).toMatchObject([{ payload: true }, { origin: 'repair', is_tombstone: true }]);
});

test('a couple that only Postgres has is repaired, too', async () => {
  await event('e1', 1, leaf('quest_1'), true);
  await repair(...RANGE, '--write');
  expect(await rows()).toMatchObject([{ is_tombstone: true }]);
});

describe('an event that comes after a repair', () => {
  beforeEach(async () => {
    await event('e5', 5, leaf(), 5);
    await rtdb.rest.set(leaf(), 6);
    await repair(...RANGE, '--write');
  });

  test('loses where it is older', async () => {
    expect(await event('e4', 4, leaf(), 4)).toMatchObject({ outcome: 'stale' });
    expect(await rows()).toMatchObject([{ payload: 6 }]);
  });

  test('wins where it is newer', async () => {
    await rtdb.rest.set(leaf(), 7);
    expect(await event('e7', 7, leaf(), 7, 6)).toMatchObject({ outcome: 'applied' });
    expect(await rows()).toMatchObject([{ payload: 7, origin: 'rtdb' }]);
  });

  test('is settled by RTDB where it is the one that the row showed', async () => {
    expect(await event('e5', 5, leaf(), 5)).toMatchObject({ outcome: 'tied' });
    expect(await rows()).toMatchObject([{ payload: 6 }]);
  });
});

test('a row that changed since it was compared is left alone', async () => {
  await event('e1', 1, leaf(), 1);
  const [compared] = await database.query<{ mirrored_at: string }>(
    'select mirrored_at::text from rtdb.quest_completions',
  );
  const repairWith = (seen: object) =>
    REPAIR_ROWS.one(database.statements, {
      ...{ path: 'quest_completions', shard: 'ann_bob', found: [], lockWait: '1s' },
      repairs: [
        {
          ref: leaf().join('/'),
          row: {
            ...{ couple_id: 'ann_bob', date_key: DATE, quest_id: 'quest_1', user_id: 'ann' },
            ...{ partner_id: 'bob', completed_at: '2025-11-19T12:00:00Z', payload: 2 },
          },
          only_columns: false,
          ...{ has_row: true, seen_event_id: 'e1', seen_event_time: '2025-11-19T12:00:01Z' },
          seen_mirrored_at: compared?.mirrored_at ?? null,
          ...seen,
        },
      ],
    });
  await event('e3', 3, leaf(), 3, 1);
  expect(await repairWith({})).toEqual({ written: [] });
  expect(await repairWith({ has_row: false })).toEqual({ written: [] });
  expect(await rows()).toMatchObject([{ payload: 3, origin: 'rtdb' }]);
});

test('what the mirror refuses, and days beyond retention, are left alone', async () => {
  await rtdb.rest.set(leaf('quest_1'), 'rubbish');
  await event('e2', 1, leaf('quest_2'), true);
  const { out } = await repair(...RANGE, '--write', '--retention-days', '30', '--json');
  expect(JSON.parse(out)).toMatchObject({ refused: 1, retained: 1 });
  expect(await rows()).toMatchObject([{ quest_id: 'quest_2', payload: true }]);
});

test('values can not move a terminal\u2019s cursor', async () => {
  await rtdb.rest.set(leaf(), { completedAt: 1763553600000, note: '\u001b[2J\u202egnp' });
  const { out } = await repair(...RANGE);
  for (const hostile of ['\u001b', '\u202e']) expect(out).not.toContain(hostile);
});

test.each([
  ['a path that is none', ['daily_quests/ann_bob'], 'ref'],
  ['half a range', ['--from', DATE], '--from'],
  ['leaves and days', [leaf().join('/'), ...RANGE], 'either'],
])('%s ends with 2 and one line', async (_case, args, part) => {
  const { code, errors } = await repair(...args);
  expect(code).toBe(2);
  expect(errors).toContain(part);
  expect(errors.trim().split('\n')).toHaveLength(1);
});
