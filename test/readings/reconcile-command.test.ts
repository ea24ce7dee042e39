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
const PATH = ['--path', 'quest_completions'];

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
  RECONCILE_GRACE_SECONDS: '0',
});

const runIn = async (environment: Record<string, string>, ...args: string[]) => {
  const { errors, ...result } = await runCommand(['reconcile', ...args], environment);
  // Beside what went wrong: which stores it reads.
  return { ...result, errors: errors.replace(/^Reads RTDB .*\n/, '') };
};

const reconcile = (...args: string[]) => runIn(env(), ...args);

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
       (couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_id, event_time)
     select u || '_w', date '2025-11-19', 'quest_1', u, 'w', now(), 'true', 'rtdb', u, now()
     from generate_series(0, $1 - 1) as n,
       lateral (select 'u' || lpad(n::text, 4, '0') as u) as named`,
    [couples],
  );
};

const read = async () => {
  const [found] = await database.query<{ read: number; failed: number }>(
    `select (count(*) filter (where read_at is not null))::integer as read,
       (count(*) filter (where failed_at is not null))::integer as failed
     from mirror.readings`,
  );
  return found;
};

const divergenceCount = async () =>
  (await database.query('select from mirror.divergence_log')).length;

test('it says what it read, for people and for machines', async () => {
  await fill(3);
  await rtdb.rest.set(['daily_quests', 'u0001_w', '2025-11-19', 'completions', 'q2', 'w'], true);
  const people = await reconcile(...PATH);
  expect(people).toMatchObject({ code: 0, errors: '' });
  expect(people.out).toContain('quest_completions: 4 keys in 3 shards, 1 differ');
  const machines = await reconcile(...PATH, '--json');
  expect(JSON.parse(machines.out)).toMatchObject({
    ...{ read: 3, failed: 0, isIdle: true, failures: [] },
    paths: [{ path: 'quest_completions', shards: 3, keys: 4, differing: 1, inFlight: 0 }],
  });
});

test('it writes to no mirrored table', async () => {
  await fill(3);
  const rows = 'select xmin::text, ctid::text, * from rtdb.quest_completions order by user_id';
  const before = await database.query(rows);
  await reconcile(...PATH, '--full');
  expect(await database.query(rows)).toEqual(before);
});

test('of one couple it leaves what is known of others alone', async () => {
  await fill(3);
  await reconcile(...PATH);
  await database.query('delete from rtdb.quest_completions');
  await reconcile(...PATH, '--couple', 'u0001_w');
  const open = await database.query('select shard, kind from mirror.divergence_log');
  expect(open).toEqual([{ shard: 'u0001_w', kind: 'missing_in_postgres' }]);
});

test.each([
  ['a date that no calendar has', ['--from', '2025-02-30', '--to', '2025-11-20'], '2025-02-30'],
  ['a range that ends before it begins', ['--from', '2025-11-20', '--to', '2025-11-18'], 'after'],
  ['days of a full reading', ['--full', '--from', '2025-11-18', '--to', '2025-11-20'], '--full'],
  ['what is due, of one couple', ['--keep-going', '--couple', 'ann_bob'], '--keep-going'],
  ['an option that is none', ['--fast'], '--fast'],
  ['a path that is none', ['--path', 'quests'], '--path'],
  ['a couple without a name', ['--couple', ''], '--couple'],
  ['a couple that no key of RTDB can name', ['--couple', 'ann_bob', 'a.b'], '--couple'],
])('%s ends with 2 and one line', async (_case, args, part) => {
  const { code, errors } = await reconcile(...args);
  expect(code).toBe(2);
  expect(errors).toContain(part);
  expect(errors.trim().split('\n')).toHaveLength(1);
  expect(await read()).toEqual({ read: 0, failed: 0 });
});

test.each<[string, Fault, string]>([
  ['401', { status: 401 }, 'RTDB answered 401: the credentials are not accepted'],
  ['429', { status: 429 }, 'RTDB answered 429: too many requests'],
  ['500', { status: 500 }, 'RTDB answered 500'],
  ['JSON that is cut off', 'cut-off-json', "RTDB's answer is not whole JSON"],
  ['a connection that is cut', 'cut-connection', "RTDB can't be reached"],
])(
  'RTDB answering %s for one shard fails that shard alone, and no divergence is made up',
  async (_case, fault, line) => {
    await fill(30);
    faulty.fault = (path) => (path.includes('u0028_w') ? fault : null);
    const failed = await reconcile(...PATH);
    expect(failed.code).toBe(1);
    expect(failed.out).toContain('1 shards could not be read');
    expect(failed.errors).toContain(`mirror: quest_completions, u0028_w: ${line}`);
    expect(failed.errors.trim().split('\n')).toHaveLength(1);
    expect(await read()).toEqual({ read: 29, failed: 1 });
    const [{ error } = { error: '' }] = await database.query<{ error: string }>(
      'select error from mirror.readings where failed_at is not null',
    );
    expect(error).toContain(line);
    expect(await divergenceCount()).toBe(0);
    faulty.fault = () => null;
    expect((await reconcile(...PATH)).code).toBe(0);
    expect(await read()).toEqual({ read: 30, failed: 0 });
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
  const { code, out } = await reconcile(...PATH, '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ failed: 0, paths: [{ keys: 100, differing: 0 }] });
});

test('an unreachable RTDB is one line', async () => {
  const nowhere = { ...env(), FIREBASE_DATABASE_EMULATOR_HOST: '127.0.0.1:9' };
  const { code, errors } = await runIn(nowhere, ...PATH);
  expect(code).toBe(2);
  expect(errors).toMatch(/^mirror: RTDB can't be reached: .*\n$/);
});

test('an unreachable Postgres is one line without its password', async () => {
  const url = 'postgres://someone:s3cret@127.0.0.1:9/quests';
  const { code, errors } = await runCommand(['reconcile', ...PATH], {
    ...env(),
    DATABASE_URL: url,
  });
  expect(code).toBe(2);
  expect(errors).toMatch(/^mirror: Cannot connect to Postgres at 127.0.0.1:9: .*\n$/);
  expect(errors).not.toContain('s3cret');
});

test('what a killed worker had taken is read by the next once its lease is over', async () => {
  await fill(100);
  faulty.fault = (path) => (/u006\d_w/.test(path) ? 'hangs' : null);
  const child = spawn(
    node22(),
    [join(ROOT, 'local/node22.mjs'), 'local/mirror.ts', 'reconcile', ...PATH, '--keep-going'],
    { cwd: ROOT, env: { PATH: process.env.PATH, ...env() }, stdio: 'ignore', detached: true },
  );
  await eventually(async () => expect((await read())?.read).toBe(90), {
    describe: 'all shards to be read but those that hang',
    timeoutMs: 20_000,
  });
  process.kill(-(child.pid ?? 0), 'SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  faulty.fault = () => null;
  const early = await reconcile(...PATH, '--keep-going', '--json');
  expect(JSON.parse(early.out)).toMatchObject({ read: 0 });
  await database.query(
    `update mirror.readings set taken_until = clock_timestamp() where read_at is null`,
  );
  const late = await reconcile(...PATH, '--keep-going', '--json');
  expect(JSON.parse(late.out)).toMatchObject({ read: 10, failed: 0, paths: [{ keys: 100 }] });
  expect(await divergenceCount()).toBe(0);
});

test('two workers at once share the shards', async () => {
  await fill(60);
  const done = await Promise.all([
    reconcile(...PATH, '--keep-going', '--json'),
    reconcile(...PATH, '--keep-going', '--json'),
  ]);
  expect(done.map(({ code, errors }) => [code, errors])).toEqual([
    [0, ''],
    [0, ''],
  ]);
  // One that the other's listing finds touched meanwhile may be read once more.
  const shards = done.reduce((sum, { out }) => sum + JSON.parse(out).read, 0);
  expect(shards).toBeGreaterThanOrEqual(60);
  expect(shards).toBeLessThan(80);
  expect(await read()).toEqual({ read: 60, failed: 0 });
});

test('RECONCILE_DAYS of none is refused, as the functions refuse it', async () => {
  const refused = await runCommand(['reconcile'], { ...env(), RECONCILE_DAYS: '0' });
  expect(refused).toMatchObject({ code: 2, out: '' });
  expect(refused.errors).toContain('RECONCILE_DAYS');
  expect(refused.errors).toContain('expected a whole number from 1');
});
