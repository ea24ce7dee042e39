import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { dailyQuests } from '../../functions/src/paths/daily-quests';
import { lpAwards } from '../../functions/src/paths/lp-awards';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import { quizProgression } from '../../functions/src/paths/quiz-progression';
import { Connections } from '../../functions/src/postgres/connections';
import type { Statements } from '../../functions/src/postgres/statements';
import { PROOF_TIMES } from '../../functions/src/readings/proof-times';
import { type QueueContext, readDue, workQueue } from '../../functions/src/readings/queue';
import { readOnDemand } from '../../functions/src/readings/read-on-demand';
import { readShard } from '../../functions/src/readings/read-shard';
import { shardNodes } from '../../functions/src/readings/shard-node';
import { eventually } from '../support/eventually';
import { type Fault, type FaultyRtdb, startFaultyRtdb } from '../support/faulty-rtdb';
import { peakMegabytes } from '../support/memory';
import { Couples, keysOf, TODAY } from './support/couple';
import { sourceAt, startProof, type TestProof } from './support/proof';

/** Nothing agrees that was not compared; one bad shard stops nobody; every reading ends. */

let proof: TestProof;
let couples: Couples;

beforeEach(async () => {
  proof = await startProof();
  couples = new Couples(proof);
});

afterEach(() => proof.stop());

const PATHS = [questCompletions];
const TIMES = { ...PROOF_TIMES, graceMs: 0 };
/** The next worker has not to wait for what a dead one took. */
const SOON = { ...TIMES, leaseMs: 1 };

const work = (different: Partial<QueueContext> = {}) =>
  workQueue(proof.context({ paths: PATHS, times: TIMES, ...different }));

const readings = () =>
  proof.database.query(
    `select shard, keys, in_flight, failed_at is not null as has_failed,
       read_at is not null as is_read, full_at is not null as is_full
     from mirror.readings where path = 'quest_completions' order by shard`,
  );

const open = async () =>
  (
    await proof.database.query<{ ref: string; kind: string }>(
      `select ref, kind from mirror.divergence_log
       where resolved_at is null and written_before is not null order by ref`,
    )
  ).map(({ ref, kind }) => `${kind} ${ref}`);

const READ = { has_failed: false, in_flight: 0, is_read: true, is_full: true };
const LOST = `missing_in_postgres ${keysOf('lost').join('/')}`;
const DRIFTED = `value_mismatch ${keysOf('drifted', 'a_c').join('/')}`;

/** One key of each kind, in two couples. */
async function smallWorld(): Promise<void> {
  await couples.agree('q');
  await couples.set('lost', true);
  await couples.agree('q', true, { couple: 'a_c' });
  await couples.mirror('drifted', { couple: 'a_c' });
  await couples.set('drifted', 1_700_000_000_000, { couple: 'a_c' });
}

/** All that readings know. */
const forget = () =>
  proof.database.query(
    `with gone as (delete from mirror.readings), no_suspects as (delete from mirror.suspects),
       unlisted as (delete from mirror.listings), closed as (delete from mirror.divergence_log)
     update mirror.paths set first_pass_at = null`,
  );

class Killed extends Error {}

/** Statements of a worker that is killed after some, or before it hears of the last one. */
function cutAfter(most: number, isHeard: boolean): Statements & { count: number } {
  const cut = {
    count: 0,
    async run(text: string, values: unknown[]) {
      cut.count += 1;
      if (cut.count > most) throw new Killed();
      const rows = await proof.database.statements.run(text, values);
      if (cut.count === most && !isHeard) throw new Killed();
      return rows;
    },
  };
  return cut;
}

test.each([true, false])(
  'a worker that is killed after any statement leaves all to the next (told of it: %s)',
  async (isHeard) => {
    await smallWorld();
    const whole = cutAfter(Number.POSITIVE_INFINITY, true);
    await work({ statements: whole, concurrency: 1 });
    expect(whole.count).toBeGreaterThan(15);
    for (let most = 1; most <= whole.count; most += 1) {
      await forget();
      const statements = cutAfter(most, isHeard);
      await work({ statements, concurrency: 1, times: SOON }).catch(() => {});
      await eventually(async () => {
        await work({ concurrency: 1, times: SOON });
        return (await open()).length === 2;
      });
      expect([most, await open()]).toEqual([most, [LOST, DRIFTED]]);
      expect(await readings()).toEqual([
        { shard: 'a_b', keys: 2, ...READ },
        { shard: 'a_c', keys: 2, ...READ },
      ]);
    }
  },
  120_000,
);

test('two workers at once read every shard once, and none together', async () => {
  const shards = Array.from({ length: 40 }, (_, n) => `a_${n}`);
  for (const couple of shards) await couples.agree('q', true, { couple });
  const { rtdb } = proof.context({ paths: PATHS });
  const readNow = new Set<string>();
  const together: string[] = [];
  const watched: QueueContext['rtdb'] = {
    ...rtdb,
    async read(path, ...rest) {
      const place = path.join('/');
      if (readNow.has(place)) together.push(place);
      readNow.add(place);
      try {
        return await rtdb.read(path, ...rest);
      } finally {
        readNow.delete(place);
      }
    },
  };
  const read: string[] = [];
  const one = () =>
    work({ rtdb: watched, onOutcome: ({ shard, kind }) => read.push(`${shard} ${kind}`) });
  const done = await Promise.all([one(), one()]);
  expect(done.map(({ failed }) => failed)).toEqual([0, 0]);
  // Also what one reads while the other finds what was written.
  expect(read.sort()).toEqual(shards.map((shard) => `${shard} full`).sort());
  expect(together).toEqual([]);
});

test('a reading that ends after a younger one changes nothing', async () => {
  await couples.set('late', true);
  const [node] = shardNodes(PATHS);
  const context = { ...proof.context({ paths: PATHS }), shardsOf: () => 1 };
  let goOn: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let isAsked = false;
  const slow = {
    ...context.rtdb,
    async read(path: readonly string[]) {
      const value = await context.rtdb.read(path);
      isAsked = true;
      await held;
      return value;
    },
  };
  if (node === undefined) throw new Error('no node');
  const older = readShard(node, 'a_b', {}, { ...context, rtdb: slow });
  await eventually(() => isAsked);
  await couples.mirror('late');
  await readShard(node, 'a_b', {}, context);
  const known = await proof.database.query('select * from mirror.readings');
  goOn();
  expect(await older).toMatchObject([{ isSet: false }]);
  expect(await proof.database.query('select * from mirror.readings')).toEqual(known);
  expect(await proof.database.query('select * from mirror.suspects')).toEqual([]);
});

const FAULTS: [string, Fault, string][] = [
  ['401', { status: 401 }, 'RTDB answered 401'],
  ['429', { status: 429 }, 'RTDB answered 429'],
  ['500', { status: 500 }, 'RTDB answered 500'],
  ['cut JSON', 'cut-off-json', 'not whole JSON'],
  ['a cut connection', 'cut-connection', "can't be reached"],
  ['nothing', 'hangs', 'no answer in time'],
];

async function faultyWorker(faulty: FaultyRtdb): Promise<QueueContext['rtdb']> {
  return sourceAt(faulty.address, proof, { timeoutMs: 300, tries: 2 });
}

test.each(FAULTS)(
  'RTDB answers %s for one shard: it alone fails, in its words',
  async (_, fault, words) => {
    await smallWorld();
    await work();
    const known = await open();
    await proof.database.query(
      'update mirror.readings set is_full_due = true, due_at = clock_timestamp()',
    );
    await couples.set('q', null);
    await couples.set('q', null, { couple: 'a_c' });
    const faulty = await startFaultyRtdb(proof.rtdb.standin.address);
    faulty.fault = (path) => (path.includes('a_b') ? fault : null);
    const done = await work({ rtdb: await faultyWorker(faulty) });
    await faulty.stop();
    expect(done.failed).toBe(1);
    expect(await open()).toEqual(
      [...known, `missing_in_rtdb ${keysOf('q', 'a_c').join('/')}`].sort(byRef),
    );
    const [row] = await proof.database.query<{ error: string; due_in: number }>(
      `select error, extract(epoch from due_at - clock_timestamp())::integer as due_in
     from mirror.readings where shard = 'a_b'`,
    );
    expect(row?.error).toContain(words);
    expect(row?.due_in).toBeGreaterThan(800);
    await proof.database.query('update mirror.readings set due_at = clock_timestamp()');
    await work();
    expect(await open()).toContain(`missing_in_rtdb ${keysOf('q').join('/')}`);
    expect((await readings()).map((one) => one.has_failed)).toEqual([false, false]);
  },
);

const byRef = (a: string, b: string) =>
  (a.split(' ')[1] ?? '') < (b.split(' ')[1] ?? '') ? -1 : 1;

test('a tree that RTDB does not list keeps no other from being read', async () => {
  await smallWorld();
  await proof.rtdb.rest.set(['lp_awards', 'a_b', 'x'], { amount: 1 });
  const faulty = await startFaultyRtdb(proof.rtdb.standin.address);
  faulty.fault = (path) => (path.startsWith('/lp_awards.json') ? { status: 500 } : null);
  const failures: string[] = [];
  const done = await work({
    paths: [lpAwards, questCompletions],
    rtdb: await faultyWorker(faulty),
    onFailure: (path, shard, error) => failures.push(`${path} ${shard} ${error}`),
  });
  await faulty.stop();
  expect(failures).toEqual([expect.stringContaining('lp_awards [the list of its shards]')]);
  expect(done.failed).toBe(1);
  expect(await open()).toEqual([LOST, DRIFTED]);
});

test('where RTDB lists nothing at all, what is known is read, and the work is said to have failed', async () => {
  await smallWorld();
  await work();
  await proof.database.query(
    `with unlisted as (update mirror.listings set listed_at = null)
     update mirror.readings set due_at = clock_timestamp(), is_full_due = true`,
  );
  const faulty = await startFaultyRtdb(proof.rtdb.standin.address);
  faulty.fault = (path) => (path.startsWith('/daily_quests.json') ? { status: 401 } : null);
  let read = 0;
  const rtdb = await faultyWorker(faulty);
  await expect(work({ rtdb, onOutcome: () => (read += 1) })).rejects.toThrow('RTDB answered 401');
  await faulty.stop();
  expect(read).toBe(2);
});

test('of two paths of a node the one that cannot be set fails alone', async () => {
  await couples.agree('q');
  await proof.rtdb.rest.set(['daily_quests', 'a_b', TODAY, 'quests'], [{ id: 'q' }]);
  const refused: Statements = {
    run(text, values) {
      const isIt =
        text.includes('set_reading') && String(values[0]).includes('"daily_quests","shard"');
      return isIt ? Promise.reject(new Error('no')) : proof.database.statements.run(text, values);
    },
  };
  const done = await work({ statements: refused, paths: [questCompletions, dailyQuests] });
  expect(done.failed).toBe(1);
  const rows = await proof.database.query(
    'select path, error, full_at is not null as is_full from mirror.readings order by path',
  );
  expect(rows).toEqual([
    { path: 'daily_quests', error: 'no', is_full: false },
    { path: 'quest_completions', error: null, is_full: true },
  ]);
});

test('Postgres ends all sessions in the middle: the work fails or goes on, and the next one ends it', async () => {
  for (let n = 0; n < 60; n += 1) await couples.agree('q', true, { couple: `a_${n}` });
  await couples.set('lost', true);
  const connections = new Connections(
    { connectionString: proof.database.url, application_name: 'worker' },
    2,
  );
  let read = 0;
  await work({
    statements: connections,
    onOutcome() {
      read += 1;
      if (read !== 10) return;
      void proof.database.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'worker'",
      );
    },
  }).catch(() => {});
  expect(read).toBeGreaterThanOrEqual(10);
  await proof.database.query(
    'update mirror.readings set due_at = clock_timestamp() where failed_at is not null',
  );
  await eventually(async () => (await work({ statements: connections })).isIdle);
  await connections.close();
  expect(await open()).toEqual([LOST]);
  expect((await readings()).filter((one) => one.has_failed || !one.is_full)).toEqual([]);
});

test.each([-40, 40])(
  'a machine whose clock is off by %i days reads what others do',
  async (days) => {
    await smallWorld();
    jest.useFakeTimers({
      now: Date.now() + days * 86_400_000,
      doNotFake: [
        ...(['hrtime', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate'] as const),
        ...([
          'clearImmediate',
          'setInterval',
          'clearInterval',
          'setTimeout',
          'clearTimeout',
        ] as const),
      ],
    });
    try {
      await work();
    } finally {
      jest.useRealTimers();
    }
    expect(await open()).toEqual([LOST, DRIFTED]);
    const [row] = await proof.database.query(
      `select bool_and(abs(extract(epoch from read_at - clock_timestamp())) < 60) as is_now,
       bool_and(due_at between clock_timestamp() and clock_timestamp() + interval '1 day') as is_due
     from mirror.readings`,
    );
    expect(row).toEqual({ is_now: true, is_due: true });
  },
);

test.each([-10, 10])(
  'events whose times are %i minutes off Postgres’ clock agree, come late, and are told all the same',
  async (minutes) => {
    const at = new Date(Date.now() + minutes * 60_000);
    await couples.set('q', true);
    await couples.mirror('q', { at });
    await couples.set('late', true);
    await couples.set('lost', true);
    const failures: unknown[] = [];
    await work({ onFailure: (...failure) => failures.push(failure) });
    expect(failures).toEqual([]);
    expect(await open()).toHaveLength(2);
    await couples.mirror('late', { at });
    await proof.database.query('update mirror.readings set due_at = clock_timestamp()');
    await work();
    expect(await open()).toEqual([LOST]);
    expect(await readings()).toEqual([{ shard: 'a_b', keys: 3, ...READ }]);
  },
);

test('a leaf that is written all the time is in flight after three looks, and never called different', async () => {
  await couples.agree('q');
  await work();
  let written = 0;
  const busy: Statements = {
    async run(text, values) {
      if (text.includes('begin_reading')) {
        written += 1;
        await couples.mirror('q', { payload: 1_700_000_000_000 + written });
        await couples.set('q', 1_700_000_100_000 + written);
      }
      return proof.database.statements.run(text, values);
    },
  };
  await proof.database.query(
    'update mirror.readings set is_full_due = true, due_at = clock_timestamp()',
  );
  const kinds: string[] = [];
  await work({ statements: busy, onOutcome: ({ kind }) => kinds.push(kind) });
  expect(kinds).toHaveLength(3);
  expect(await readings()).toEqual([{ shard: 'a_b', keys: 1, ...READ, in_flight: 1 }]);
  expect(await open()).toEqual([]);
});

test('keys that look like an index or a built-in member of an object are compared like all others', async () => {
  await proof.rtdb.rest.set(['lp_awards', '7'], {
    0: { amount: 1 },
    1: { amount: 2 },
    2: { amount: 3 },
  });
  await proof.rtdb.rest.set(['lp_awards', '__proto__', '__proto__'], { amount: 4 });
  await proof.rtdb.rest.set(['lp_awards', '__proto__', 'constructor'], { amount: 5 });
  const reads = { paths: [lpAwards] };
  await work(reads);
  const rows = await proof.database.query(
    "select shard, keys from mirror.readings where path = 'lp_awards' order by shard",
  );
  expect(rows).toEqual([
    { shard: '7', keys: 3 },
    { shard: '__proto__', keys: 2 },
  ]);
  expect(await open()).toEqual([
    ...['7/0', '7/1', '7/2', '__proto__/__proto__', '__proto__/constructor'].map(
      (key) => `missing_in_postgres lp_awards/${key}`,
    ),
  ]);
});

test('a day that RTDB cannot hold is a row that RTDB lacks', async () => {
  await couples.agree('q');
  await couples.direct(
    `insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time)
     values ('a_b', 'infinity', 'q', 'a', now(), 'true', 'rtdb', now())`,
  );
  expect((await work()).failed).toBe(0);
  expect(await open()).toEqual(['missing_in_rtdb daily_quests/a_b/infinity/completions/q/a']);
});

test('a row whose key has a slash, which RTDB cannot hold, is told apart from one that looks like it', async () => {
  for (const quest of ['x/y', 'x$2Fy', 'x%2Fy']) await couples.mirror(quest);
  await proof.rtdb.rest.set(keysOf('q'), true);
  await couples.mirror('q');
  expect((await work()).failed).toBe(0);
  const refs = ['x$242Fy', 'x$2Fy', 'x%2Fy'].map((quest) => keysOf(quest).join('/'));
  expect(await open()).toEqual(refs.map((ref) => `missing_in_rtdb ${ref}`));
});

test('a document that is gone from both stores is forgotten', async () => {
  await proof.rtdb.rest.set(['quiz_progression', 'a_b'], { track: 1 });
  await work({ paths: [quizProgression] });
  await proof.rtdb.rest.set(['quiz_progression', 'a_b'], null);
  await proof.database.query(
    'update mirror.readings set is_full_due = true, due_at = clock_timestamp()',
  );
  await work({ paths: [quizProgression] });
  expect(await proof.database.query('select path from mirror.readings')).toEqual([]);
  expect(await open()).toEqual([]);
});

test('days that are asked for are read with those that a row touched, and a shared row counts keys once', async () => {
  const quests = Object.fromEntries(Array.from({ length: 130 }, (_, n) => [`q${n}`, { a: true }]));
  await proof.rtdb.rest.set(['daily_quests', 'a_b', TODAY, 'completions'], quests);
  await work();
  const before = await readings();
  const days = { from: TODAY, to: TODAY };
  const demand = { shards: ['a_b'], isFull: false, days };
  const context = proof.context({ paths: PATHS, times: TIMES });
  await readOnDemand(demand, context);
  expect(await readings()).toEqual(before);
  const old = '2026-01-05';
  await couples.agree('q', true, { day: old });
  await couples.set('q', 1_700_000_000_000, { day: old });
  await readOnDemand(demand, context);
  expect(await open()).toContain(`value_mismatch ${keysOf('q', 'a_b', old).join('/')}`);
});

test('a shard of 100,000 leaves is read within its lease, and all that differs is one row', async () => {
  const leaves = Object.fromEntries(
    Array.from({ length: 100_000 }, (_, n) => [`k${String(n).padStart(6, '0')}`, { amount: n }]),
  );
  await proof.rtdb.rest.set(['lp_awards', 'a_b'], leaves);
  await proof.database.query(
    `with writer as materialized (select set_config('mirror.writer', 'on', true))
     insert into rtdb.lp_awards (couple_id, award_id, payload, origin, event_id, event_time)
     select 'a_b', 'k' || lpad(n::text, 6, '0'), jsonb_build_object('amount', n), 'rtdb', 'e' || n, now()
     from writer, generate_series(0, 99999) as n`,
  );
  const started = performance.now();
  const peakMb = await readInProcess();
  expect(performance.now() - started).toBeLessThan(PROOF_TIMES.leaseMs / 10);
  expect(peakMb).toBeLessThan(512);
  const rows = await proof.database.query('select keys, in_flight from mirror.readings');
  expect(rows).toEqual([{ keys: 100_000, in_flight: 0 }]);
  await proof.database.query('truncate rtdb.lp_awards');
  await proof.database.query('update mirror.readings set due_at = clock_timestamp()');
  const context = proof.context({ paths: [lpAwards] });
  expect((await readDue(context)).failed).toBe(0);
  const found = await proof.database.query(
    'select kind, keys from mirror.divergence_log where resolved_at is null and written_before is not null',
  );
  expect(found).toEqual([{ kind: 'missing_in_postgres', keys: 100_000 }]);
}, 180_000);

/** The command line in a process of its own. Answers the most memory that it held, in MB. */
async function readInProcess(): Promise<number> {
  const main = join(__dirname, '..', '..', 'functions', 'lib', 'cli', 'main.js');
  const args = [main, 'reconcile', '--full', '--path', 'lp_awards', '--couple', 'a_b'];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, DATABASE_URL: proof.database.url, ...proof.rtdb.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk;
  });
  let peak = 0;
  const look = setInterval(() => {
    if (child.pid !== undefined && child.exitCode === null)
      peak = Math.max(peak, peakMegabytes(child.pid) || 0);
  }, 50);
  const [code] = (await once(child, 'exit')) as [number];
  clearInterval(look);
  expect([code, errors.split('\n').slice(1)]).toEqual([0, ['']]);
  return peak;
}
