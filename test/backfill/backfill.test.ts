import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { daysOfGaps } from '../../functions/src/backfill/gap-days';
import { runCommand } from '../support/command';
import type { TestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { type FaultyRtdb, startFaultyRtdb } from '../support/faulty-rtdb';
import { mirrorOn, type TestMirror, writeOf } from '../support/mirror';
import { pristineDatabase } from '../support/pristine-database';
import { node22 } from '../support/runtime';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

const ROOT = join(__dirname, '..', '..');
const DATE = '2025-11-19';
const DAYS = ['--from', '2025-11-18', '--to', '2025-11-20'];
const PATH = ['--path', 'quest_completions'];
const RANGE = [...PATH, ...DAYS];

let database: TestDatabase;
let rtdb: StandinTree;
let faulty: FaultyRtdb;
let mirror: TestMirror;

beforeEach(async () => {
  database = await pristineDatabase();
  rtdb = await startStandinTree();
  faulty = await startFaultyRtdb(rtdb.standin.address);
  mirror = mirrorOn(database.url, (path) => rtdb.rest.get(path.split('/')));
});

afterEach(async () => {
  await mirror.store.close();
  await faulty.stop();
  await rtdb.standin.stop();
});

const env = () => ({
  DATABASE_URL: database.url,
  FIREBASE_DATABASE_EMULATOR_HOST: faulty.address,
  GCLOUD_PROJECT: 'demo-quests',
});
const backfill = (...args: string[]) => runCommand(['backfill', ...args], env());

const leaf = (quest = 'quest_1', user = 'ann', couple = 'ann_bob', date = DATE) => [
  ...['daily_quests', couple, date],
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
  database.query<{ ref: string; payload: unknown; origin: string }>(
    `select couple_id || '/' || quest_id || '/' || user_id as ref, payload, origin
     from rtdb.quest_completions order by 1`,
  );

const fill = (couples: number) =>
  rtdb.rest.set(
    ['daily_quests'],
    Object.fromEntries(
      Array.from({ length: couples }, (_, n) => {
        const user = `u${String(n).padStart(4, '0')}`;
        return [`${user}_w`, { [DATE]: { completions: { quest_1: { [user]: true } } } }];
      }),
    ),
  );

test('what has no row is inserted; a row and a tombstone stay as an event left them', async () => {
  await rtdb.rest.set(leaf('quest_1'), 1763553600000);
  await rtdb.rest.set(leaf('quest_2'), 1763553600001);
  await rtdb.rest.set(leaf('quest_3', 'bob'), { completedAt: 1763553600002, device: 'ios' });
  await rtdb.rest.set(leaf('quest_4'), false);
  await event('e1', 1, leaf('quest_1'), 7);
  await event('e2', 1, leaf('quest_2'), true);
  await event('e3', 2, leaf('quest_2'), null, true);
  const { code, out } = await backfill(...RANGE, '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ shards: 1, keys: 3, inserted: 1, rejected: 0 });
  expect(await rows()).toEqual([
    { ref: 'ann_bob/quest_1/ann', payload: 7, origin: 'rtdb' },
    { ref: 'ann_bob/quest_2/ann', payload: null, origin: 'rtdb' },
    {
      ref: 'ann_bob/quest_3/bob',
      payload: { completedAt: 1763553600002, device: 'ios' },
      origin: 'backfill',
    },
  ]);
  const again = JSON.parse((await backfill(...RANGE, '--json')).out);
  expect(again).toMatchObject({ keys: 3, inserted: 0 });
});

test('a backfilled row is of no event, and any event wins over it', async () => {
  await rtdb.rest.set(leaf(), true);
  await backfill(...RANGE);
  const [row] = await database.query(
    `select event_time = '-infinity' as is_unversioned, event_id, partner_id,
       to_char(completed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as completed_at
     from rtdb.quest_completions`,
  );
  // Nothing tells when `true` was written: the end of its day.
  expect(row).toEqual({
    ...{ is_unversioned: true, event_id: null, partner_id: 'bob' },
    completed_at: '2025-11-19 23:59',
  });
  await event('e1', 1, leaf(), 1763553600000, true);
  expect(await rows()).toMatchObject([{ payload: 1763553600000, origin: 'rtdb' }]);
  expect(await database.query('select from mirror.divergence_log')).toEqual([]);
  expect(await database.query('select from mirror.direct_writes')).toEqual([]);
});

test('while events flow, the rows end in what RTDB shows', async () => {
  await fill(120);
  const users = Array.from({ length: 120 }, (_, n) => `u${String(n).padStart(4, '0')}`);
  const flow = users.map(async (user, n) => {
    const path = leaf('quest_1', user, `${user}_w`);
    if (n % 3 === 0) {
      await rtdb.rest.set(path, null);
      await event(`gone-${user}`, 5, path, null, true);
    } else if (n % 3 === 1) {
      await rtdb.rest.set(path, 1763553600000 + n);
      await event(`changed-${user}`, 5, path, 1763553600000 + n, true);
    }
  });
  await Promise.all([backfill(...RANGE), backfill(...RANGE), ...flow]);
  expect(JSON.parse((await runCommand(['repair', ...RANGE, '--json'], env())).out)).toMatchObject({
    ...{ live: 80, differences: [] },
  });
});

test('leaves that are no completions are named, and their neighbours inserted', async () => {
  await rtdb.rest.set(leaf('quest_1'), 'rubbish');
  await rtdb.rest.set(leaf('quest_3'), 'a\u0000b');
  await rtdb.rest.set(leaf('quest_4'), true);
  await rtdb.rest.set(leaf('quest_5'), true);
  await database.query(
    `alter table rtdb.quest_completions add constraint no_quiz check (quest_id <> 'quest_4')`,
  );
  const { out } = await backfill(...RANGE, '--json');
  expect(JSON.parse(out)).toMatchObject({ inserted: 1, rejected: 3 });
  expect(await rows()).toMatchObject([{ ref: 'ann_bob/quest_5/ann' }]);
  const logged = await database.query(
    `select key ->> 'quest_id' as quest_id, kind, cause, detected_by, detail -> 'issues' -> 0 ->> 'field' as field
     from mirror.divergence_log order by key ->> 'quest_id'`,
  );
  const common = { cause: 'rejected', detected_by: 'backfill' };
  expect(logged).toEqual([
    { ...common, quest_id: 'quest_1', kind: 'invalid_payload', field: 'value' },
    { ...common, quest_id: 'quest_3', kind: 'invalid_payload', field: 'value' },
    { ...common, quest_id: 'quest_4', kind: 'write_rejected', field: null },
  ]);
});

test('only couples and days that were asked for are read', async () => {
  await rtdb.rest.set(leaf('quest_1'), true);
  await rtdb.rest.set(leaf('quest_1', 'ann', 'ann_bob', '2025-11-21'), true);
  await rtdb.rest.set(leaf('quest_1', 'cyd', 'cyd_dan'), true);
  await rtdb.rest.set(leaf('quest_1', 'canary', 'canary_canary-partner'), true);
  await backfill(...RANGE, '--couple', 'ann_bob');
  expect(await rows()).toMatchObject([{ ref: 'ann_bob/quest_1/ann' }]);
  await backfill(...PATH, '--from', '2025-11-18', '--to', '2025-11-21');
  expect(await rows()).toHaveLength(3);
});

test('a dry run says what it would do, and does nothing', async () => {
  await rtdb.rest.set(leaf('quest_1'), true);
  await rtdb.rest.set(leaf('quest_2'), 1763553600000);
  await event('e1', 1, leaf('quest_2'), true);
  const { out } = await backfill(...RANGE, '--dry-run');
  expect(out).toContain('of 2 keys in 1 shards, 1 have no row and would be inserted');
  expect(out).toContain('1 rows show something else than RTDB');
  expect(await rows()).toHaveLength(1);
  expect(await database.query('select from mirror.backfills')).toEqual([]);
});

describe('--gaps', () => {
  const gap = (from: string, to: string | null) =>
    database.query(
      `insert into mirror.coverage (reason, from_at, to_at) values ('flag_off', $1, $2)`,
      [from, to],
    );

  test('reads the days on which mirroring was not on, and says what it leaves alone', async () => {
    await rtdb.rest.set(leaf('quest_1'), true);
    await rtdb.rest.set(leaf('quest_1', 'ann', 'ann_bob', '2025-11-25'), true);
    await event('e1', 1, leaf('quest_2'), true);
    await gap('2025-11-19T13:00:00Z', '2025-11-19T14:00:00Z');
    const { code, out } = await backfill(...PATH, '--gaps');
    expect(code).toBe(0);
    expect(out).toContain('inserted 1 of 1 keys');
    expect(out).toContain('mirror repair --from 2025-11-19 --to 2025-11-20');
    expect(await rows()).toHaveLength(2);
  });

  test('without any there is nothing to do', async () => {
    const { code, out } = await backfill(...PATH, '--gaps');
    expect(code).toBe(0);
    expect(out).toContain('nothing to backfill');
  });

  test('days of gaps are those of any time zone, merged where they touch', () => {
    expect(
      daysOfGaps([
        { fromAt: '2025-11-28T11:00:00Z', toAt: '2025-11-30T12:00:00Z' },
        { fromAt: '2025-11-03T12:00:00Z', toAt: '2025-11-03T13:00:00Z' },
        { fromAt: '2025-11-01T11:00:00Z', toAt: '2025-11-01T12:00:00Z' },
      ]),
    ).toEqual([
      { from: '2025-10-31', to: '2025-11-04' },
      { from: '2025-11-27', to: '2025-12-01' },
    ]);
  });
});

test('a backfill that is killed half way is taken up, and inserts each once', async () => {
  await fill(700);
  faulty.fault = (path) => (path.includes('u0500_w') ? 'hangs' : null);
  const child = spawn(
    node22(),
    [join(ROOT, 'local/node22.mjs'), 'local/mirror.ts', 'backfill', ...RANGE],
    { cwd: ROOT, env: { PATH: process.env.PATH, ...env() }, stdio: 'ignore', detached: true },
  );
  await eventually(
    async () =>
      expect(
        await database.query(
          `select (done -> 'quest_completions' -> 'shards')::integer as shards from mirror.backfills`,
        ),
      ).toEqual([{ shards: 500 }]),
    { describe: 'half of it', timeoutMs: 20_000 },
  );
  process.kill(-(child.pid ?? 0), 'SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  faulty.fault = () => null;
  const before = faulty.count();
  const resumed = JSON.parse((await backfill('--resume', '--json')).out);
  expect(resumed).toMatchObject({ shards: 700, keys: 700 });
  // The list, and the shards that were left.
  expect(faulty.count() - before).toBe(201);
  expect(await rows()).toHaveLength(700);
});

test('one shard that RTDB refuses fails alone, is named, and filled by --resume', async () => {
  await fill(30);
  faulty.fault = (path) => (path.includes('u0020_w') ? { status: 401 } : null);
  const failed = await backfill(...RANGE);
  expect(failed.code).toBe(1);
  expect(failed.out).toContain('inserted 29 of 29 keys in 29 shards');
  expect(failed.out).toMatch(/Not filled: daily_quests\/u0020_w: RTDB answered 401/);
  expect(
    await database.query('select status, failed -> 0 ->> $1 as shard from mirror.backfills', [
      'shard',
    ]),
  ).toEqual([{ status: 'failed', shard: 'u0020_w' }]);
  faulty.fault = () => null;
  expect(JSON.parse((await backfill('--resume', '--json')).out)).toMatchObject({
    ...{ shards: 30, inserted: 30, failed: [] },
  });
  expect(await rows()).toHaveLength(30);
  expect((await backfill('--resume')).errors).toContain('no unfinished backfill');
});

test('RTDB refusing one shard after the other ends it with one line, and it can be resumed', async () => {
  await fill(120);
  faulty.fault = (path) => (path.includes('_w') ? { status: 401 } : null);
  const failed = await backfill(...RANGE);
  expect(failed.code).toBe(2);
  expect(failed.errors).toMatch(/^Reads RTDB .*\nmirror: RTDB answered 401: .*\n$/);
  expect(await database.query('select status from mirror.backfills')).toEqual([
    { status: 'failed' },
  ]);
  faulty.fault = () => null;
  expect(JSON.parse((await backfill('--resume', '--json')).out)).toMatchObject({ shards: 120 });
  expect(await rows()).toHaveLength(120);
});

test.each([
  ['a path that nobody declared', ['--path', 'quests']],
  ['half a range', ['--from', DATE]],
  ['a date that no calendar has', ['--from', '2025-02-30', '--to', DATE]],
  ['gaps and a range', ['--gaps', ...RANGE]],
  ['taking up when there is nothing', ['--resume']],
])('%s ends with 2 and one line', async (_case, args) => {
  const { code, errors } = await backfill(...args);
  expect(code).toBe(2);
  expect(
    errors
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('Reads RTDB ')),
  ).toHaveLength(1);
});
