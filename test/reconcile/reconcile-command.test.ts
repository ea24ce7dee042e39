import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { runCommand } from '../support/command';
import type { TestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { type Fault, type FaultyRtdb, startFaultyRtdb } from '../support/faulty-rtdb';
import { pristineDatabase } from '../support/pristine-database';
import { node22 } from '../support/runtime';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

const ROOT = join(__dirname, '..', '..');
const RANGE = ['--from', '2025-11-18', '--to', '2025-11-20', '--grace-seconds', '0'];

let database: TestDatabase;
let rtdb: StandinTree;
let faulty: FaultyRtdb;

beforeEach(async () => {
  database = await pristineDatabase();
  rtdb = await startStandinTree();
  faulty = await startFaultyRtdb(rtdb.standin.address);
});

afterEach(async () => {
  await faulty.stop();
  await rtdb.standin.stop();
});

const env = () => ({
  DATABASE_URL: database.url,
  FIREBASE_DATABASE_EMULATOR_HOST: faulty.address,
  GCLOUD_PROJECT: 'demo-quests',
});

const reconcile = (...args: string[]) => runCommand(['reconcile', ...args], env());

const fill = async (couples: number) => {
  await rtdb.rest.set(
    ['daily_quests'],
    Object.fromEntries(
      Array.from({ length: couples }, (_, n) => {
        const user = `u${String(n).padStart(4, '0')}`;
        return [`${user}_w`, { '2025-11-19': { completions: { quest_1: { [user]: true } } } }];
      }),
    ),
  );
  await database.query(
    `insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_id, event_time)
     select u || '_w', date '2025-11-19', 'quest_1', u, now(), 'true', 'rtdb', u, now()
     from generate_series(0, $1 - 1) as n,
       lateral (select 'u' || lpad(n::text, 4, '0') as u) as named`,
    [couples],
  );
};

const runs = () =>
  database.query<{ status: string; error: string | null; matched: number }>(
    'select status, error, matched from mirror.reconcile_runs order by id',
  );

const divergenceCount = async () =>
  (await database.query('select from mirror.divergence_log')).length;

test('it says what it compared, for people and for machines', async () => {
  await fill(3);
  const people = await reconcile(...RANGE);
  expect(people).toMatchObject({ code: 0, errors: '' });
  expect(people.out).toContain('3 couples, 3 completions compared, 100.0000% consistent');
  const machines = await reconcile(...RANGE, '--json');
  expect(JSON.parse(machines.out)).toMatchObject({
    status: 'finished',
    matched: 3,
    consistency: 1,
  });
});

test('nothing compared is not called consistent', async () => {
  const { code, out } = await reconcile(...RANGE);
  expect(code).toBe(0);
  expect(out).toContain('0 completions compared, so nothing is proven');
});

test.each([
  ['a date that no calendar has', ['--from', '2025-02-30', '--to', '2025-11-20'], '2025-02-30'],
  ['a range that ends before it begins', ['--from', '2025-11-20', '--to', '2025-11-18'], 'after'],
  ['a grace time that is no number', ['--grace-seconds', 'soon'], '--grace-seconds'],
  ['a range for a run that is taken up', ['--resume', '--from', '2025-11-20'], '--resume'],
  ['taking up when there is nothing', ['--resume'], 'no run that is not finished'],
  ['an option that is none', ['--fast'], '--fast'],
  ['a couple without a name', ['--couple', ''], '--couple'],
  ['a couple that no key of RTDB can name', ['--couple', 'ann_bob', 'a.b'], '--couple'],
])('%s ends with 2 and one line', async (_case, args, part) => {
  const { code, errors } = await reconcile(...args);
  expect(code).toBe(2);
  expect(errors).toContain(part);
  expect(errors.trim().split('\n')).toHaveLength(1);
  expect(await runs()).toEqual([]);
});

test.each<[string, Fault, string]>([
  ['401', { status: 401 }, 'RTDB answered 401: the credentials are not accepted'],
  ['429', { status: 429 }, 'RTDB answered 429: too many requests'],
  ['500', { status: 500 }, 'RTDB answered 500'],
  ['JSON that is cut off', 'cut-off-json', "RTDB's answer is not whole JSON"],
  ['a connection that is cut', 'cut-connection', "RTDB can't be reached"],
])(
  'RTDB answering %s half way fails the run, and no divergence is made up',
  async (_case, fault, line) => {
    // A shard of 250 that is done, and one that fails.
    await fill(300);
    faulty.fault = (path) => (path.includes('u0280_w') ? fault : null);
    const failed = await reconcile(...RANGE);
    expect(failed.code).toBe(2);
    expect(failed.errors).toContain(`mirror: ${line}`);
    expect(failed.errors.trim().split('\n')).toHaveLength(1);
    expect(await runs()).toEqual([
      { status: 'failed', error: expect.stringContaining(line), matched: expect.any(Number) },
    ]);
    expect(await divergenceCount()).toBe(0);
    faulty.fault = () => null;
    const resumed = await reconcile('--resume', '--json');
    expect(JSON.parse(resumed.out)).toMatchObject({
      status: 'finished',
      couples: 300,
      matched: 300,
    });
    expect(await runs()).toHaveLength(1);
  },
);

test('a few answers that fail on the way are asked for again, and nobody notices', async () => {
  await fill(100);
  const faults: Fault[] = [{ status: 503 }, { status: 429 }, 'cut-off-json', 'cut-connection'];
  const asked = new Set<string>();
  faulty.fault = (path, count) => {
    // Only the first time: by chance one path could meet a fault at each of its tries.
    if (asked.has(path)) return null;
    asked.add(path);
    return count % 5 === 0 ? (faults[(count / 5) % 4] ?? null) : null;
  };
  const { code, out } = await reconcile(...RANGE, '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ matched: 100, consistency: 1 });
});

test('an unreachable RTDB is one line', async () => {
  const nowhere = { ...env(), FIREBASE_DATABASE_EMULATOR_HOST: '127.0.0.1:9' };
  const { code, errors } = await runCommand(['reconcile', ...RANGE], nowhere);
  expect(code).toBe(2);
  expect(errors).toMatch(/^mirror: RTDB can't be reached: .*\n$/);
  expect(await runs()).toMatchObject([{ status: 'failed' }]);
});

test('an unreachable Postgres is one line without its password', async () => {
  const url = 'postgres://someone:s3cret@127.0.0.1:9/quests';
  const { code, errors } = await runCommand(['reconcile', ...RANGE], {
    ...env(),
    DATABASE_URL: url,
  });
  expect(code).toBe(2);
  expect(errors).toMatch(/^mirror: Cannot connect to Postgres at 127.0.0.1:9: .*\n$/);
  expect(errors).not.toContain('s3cret');
});

test('a run that is killed half way is taken up by the next one', async () => {
  await fill(700);
  faulty.fault = (path) => (path.includes('u0600_w') ? 'hangs' : null);
  const child = spawn(
    node22(),
    [join(ROOT, 'local/node22.mjs'), 'local/mirror.ts', 'reconcile', ...RANGE],
    { cwd: ROOT, env: { PATH: process.env.PATH, ...env() }, stdio: 'ignore', detached: true },
  );
  await eventually(async () => expect(await runs()).toMatchObject([{ matched: 500 }]), {
    describe: 'two shards to be done',
    timeoutMs: 20_000,
  });
  process.kill(-(child.pid ?? 0), 'SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  expect(await runs()).toMatchObject([{ status: 'running', matched: 500 }]);
  faulty.fault = () => null;
  const before = faulty.count();
  const resumed = await eventually(
    async () => {
      const result = await reconcile('--resume', '--json');
      expect(result.errors).toBe('');
      return result;
    },
    { describe: 'the dead worker to be noticed' },
  );
  expect(JSON.parse(resumed.out)).toMatchObject({ status: 'finished', couples: 700, matched: 700 });
  // The list of couples, and the third shard's couples: not the first two shards again.
  expect(faulty.count() - before).toBe(201);
  expect(await divergenceCount()).toBe(0);
});

test('a run that gave no sign of life for long is failed by the next one', async () => {
  await fill(1);
  await database.query(
    `insert into mirror.reconcile_runs (from_date, to_date, started_at, checkpoint)
     values ('2025-11-18', '2025-11-20', now() - interval '1 hour',
       jsonb_build_object('beat', now() - interval '16 minutes'))`,
  );
  await reconcile(...RANGE);
  expect(await runs()).toMatchObject([
    { status: 'failed', error: expect.stringContaining('abandoned') },
    { status: 'finished' },
  ]);
});

test('RECONCILE_DAYS of none is refused, as the functions refuse it', async () => {
  const refused = await runCommand(['reconcile'], { ...env(), RECONCILE_DAYS: '0' });
  expect(refused).toMatchObject({ code: 2, out: '' });
  expect(refused.errors).toContain('RECONCILE_DAYS: expected a whole number from 1');
  expect(await runs()).toEqual([]);
});
