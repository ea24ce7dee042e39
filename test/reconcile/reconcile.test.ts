import { DATABASE_CLOCK } from '../../functions/src/completions-only/postgres/reconcile-runs';
import { openRun, resumeRun } from '../../functions/src/completions-only/reconcile/open-run';
import type {
  ReconcileContext,
  ReconcileRequest,
} from '../../functions/src/completions-only/reconcile/reconcile';
import { runReconcile, workOn } from '../../functions/src/completions-only/reconcile/run-reconcile';
import { clientConfig } from '../../functions/src/postgres/client-config';
import { Connections } from '../../functions/src/postgres/connections';
import { leafOf, logDivergence } from '../support/dashboard-log';
import type { TestDatabase } from '../support/database';
import { mirrorOn, type TestMirror, writeOf } from '../support/mirror';
import { pristineDatabase } from '../support/pristine-database';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

const DATE = '2025-11-19';
const REQUEST: ReconcileRequest = {
  fromDate: '2025-11-18',
  toDate: '2025-11-20',
  graceMs: 0,
  couples: null,
};

let database: TestDatabase;
let rtdb: StandinTree;
let mirror: TestMirror;
let connections: Connections;
let context: ReconcileContext;
let events = 0;

beforeEach(async () => {
  database = await pristineDatabase();
  rtdb = await startStandinTree();
  mirror = mirrorOn(database.url);
  connections = new Connections(clientConfig(database.url), 2);
  context = { statements: connections, rtdb: rtdb.tree, retentionDays: 0 };
});

afterEach(async () => {
  await mirror.store.close();
  await connections.close();
  await rtdb.standin.stop();
});

const path = (couple: string, quest: string, user: string, date = DATE) => [
  ...['daily_quests', couple, date],
  ...['completions', quest, user],
];

const inRtdb = (couple: string, quest: string, user: string, value: unknown = true, date = DATE) =>
  rtdb.rest.set(path(couple, quest, user, date), value);

const inPostgres = async (couple: string, quest: string, user: string, value: unknown = true) => {
  events += 1;
  const time = new Date(Date.UTC(2025, 10, 19, 12) + events * 1000).toISOString();
  await mirror.mirror(
    writeOf({
      id: `event-${events}`,
      time,
      ref: path(couple, quest, user).join('/'),
      after: value,
    }),
  );
};

const inBoth = async (couple: string, quest: string, user: string, value: unknown = true) => {
  await inRtdb(couple, quest, user, value);
  await inPostgres(couple, quest, user, value);
};

const openDivergences = () =>
  database.query<{ ref: string; kind: string; times_seen: number }>(
    `select ref, kind, times_seen from mirror.divergence_log
     where resolved_at is null order by ref collate "C", kind`,
  );

test('both sides alike are consistent, and nothing is logged', async () => {
  await inBoth('ann_bob', 'quest_1', 'ann');
  await inBoth('ann_bob', 'quest_1', 'bob', { completedAt: 1763553600000, device: 'ios' });
  await inBoth('cyd_dan', 'quest_2', 'dan', 1763553600000);
  const run = await runReconcile(REQUEST, context);
  expect(run).toMatchObject({
    ...{ status: 'finished', couples: 2, matched: 3, missingInPostgres: 0, missingInRtdb: 0 },
    ...{ valueMismatch: 0, inFlight: 0, consistency: 1, error: null },
  });
  expect(run.rtdbBytes).toBeGreaterThan(50);
  expect(await openDivergences()).toEqual([]);
});

test('each kind of difference is counted and logged once', async () => {
  await inBoth('ann_bob', 'quest_1', 'ann');
  await inRtdb('ann_bob', 'quest_2', 'ann');
  await inPostgres('ann_bob', 'quest_3', 'bob');
  await inRtdb('ann_bob', 'quest_4', 'ann', 1763553600000);
  await inPostgres('ann_bob', 'quest_4', 'ann', 1763553600001);
  const run = await runReconcile(REQUEST, context);
  expect(run).toMatchObject({
    ...{ matched: 1, missingInPostgres: 1, missingInRtdb: 1, valueMismatch: 1, consistency: 0.25 },
  });
  expect(await openDivergences()).toEqual([
    {
      ref: path('ann_bob', 'quest_2', 'ann').join('/'),
      kind: 'missing_in_postgres',
      times_seen: 1,
    },
    { ref: path('ann_bob', 'quest_3', 'bob').join('/'), kind: 'missing_in_rtdb', times_seen: 1 },
    { ref: path('ann_bob', 'quest_4', 'ann').join('/'), kind: 'value_mismatch', times_seen: 1 },
  ]);
});

test('what is seen again is counted, and what is gone is resolved', async () => {
  await inRtdb('ann_bob', 'quest_1', 'ann');
  await inRtdb('ann_bob', 'quest_2', 'ann');
  await runReconcile(REQUEST, context);
  await inPostgres('ann_bob', 'quest_2', 'ann');
  await runReconcile(REQUEST, context);
  expect(await openDivergences()).toEqual([
    {
      ref: path('ann_bob', 'quest_1', 'ann').join('/'),
      kind: 'missing_in_postgres',
      times_seen: 2,
    },
  ]);
});

test('a run leaves the divergences of other paths alone, and finds its own beside them', async () => {
  const { ref, ...leaf } = leafOf('ann_bob', 'quest_1', 'ann', DATE);
  await inRtdb('ann_bob', 'quest_1', 'ann');
  const id = await logDivergence(database, { ref, ...leaf, path: 'another', firstSeenAt: DATE });
  await runReconcile(REQUEST, context);
  await database.query('delete from mirror.divergence_log where id = $1', [id]);
  expect(await openDivergences()).toEqual([{ ref, kind: 'missing_in_postgres', times_seen: 1 }]);
  await logDivergence(database, { ref, ...leaf, path: 'another', firstSeenAt: DATE });
  await inPostgres('ann_bob', 'quest_1', 'ann');
  await runReconcile(REQUEST, context);
  expect(
    await database.query('select path from mirror.divergence_log where resolved_at is null'),
  ).toEqual([{ path: 'another' }]);
});

test('a completion that is gone on both sides does not count', async () => {
  await inPostgres('ann_bob', 'quest_1', 'ann');
  await inPostgres('ann_bob', 'quest_1', 'ann', null);
  await inRtdb('ann_bob', 'quest_2', 'ann', false);
  const run = await runReconcile(REQUEST, context);
  expect(run).toMatchObject({ matched: 0, consistency: null });
});

test('couples that only Postgres has are compared, also after the last of RTDB', async () => {
  for (const couple of ['a_b', 'm_n', 'y_z', 'z_é'])
    await inPostgres(couple, 'quest_1', couple.slice(0, 1));
  await inBoth('k_l', 'quest_1', 'k');
  await inBoth('p_q', 'quest_1', 'p');
  const run = await runReconcile(REQUEST, context);
  expect(run).toMatchObject({ couples: 6, matched: 2, missingInRtdb: 4 });
});

test('hundreds of couples that only Postgres has come by pages, each once', async () => {
  await database.query(
    `insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time)
     select 'u' || n || '_w', date '2025-11-19', 'quest_1', 'w', now(), 'true', 'rtdb', now()
     from generate_series(1, 433) as n`,
  );
  const run = await runReconcile(REQUEST, context);
  expect(run).toMatchObject({ couples: 433, missingInRtdb: 433 });
});

test('days outside the range, and the canary, are left out', async () => {
  await inRtdb('ann_bob', 'quest_1', 'ann', true, '2025-11-17');
  await inRtdb('ann_bob', 'quest_1', 'ann', true, '2025-11-21');
  await inRtdb('canary_canary-partner', 'quest_1', 'canary');
  await inPostgres('canary_canary-partner', 'quest_2', 'canary');
  const run = await runReconcile(REQUEST, context);
  expect(run).toMatchObject({ couples: 0, consistency: null });
});

test('what agrees on being read again was in flight, and is not logged', async () => {
  await inRtdb('ann_bob', 'quest_1', 'ann');
  await inRtdb('ann_bob', 'quest_2', 'ann');
  let looks = 0;
  const slow: ReconcileContext = {
    ...context,
    statements: {
      run: async (text, values) => {
        // Before every further look: one event arrives each time.
        if (text === DATABASE_CLOCK && ++looks <= 2) {
          await inPostgres('ann_bob', `quest_${looks}`, 'ann');
        }
        return connections.run(text, values);
      },
    },
  };
  const run = await runReconcile(REQUEST, slow);
  expect(run).toMatchObject({ matched: 0, missingInPostgres: 0, inFlight: 2, consistency: null });
  expect(await openDivergences()).toEqual([]);
});

test('a set that does not shrink is not read a third time', async () => {
  await inRtdb('ann_bob', 'quest_1', 'ann');
  const before = rtdb.tree.usage.requests;
  await runReconcile(REQUEST, context);
  // The list of couples, the first look and the second.
  expect(rtdb.tree.usage.requests - before).toBe(3);
});

test('two runs at once count and log the same, once', async () => {
  await inBoth('ann_bob', 'quest_1', 'ann');
  for (let n = 0; n < 20; n += 1) await inRtdb(`u${n}_w`, 'quest_1', 'w');
  const runs = await Promise.all([runReconcile(REQUEST, context), runReconcile(REQUEST, context)]);
  for (const run of runs) expect(run).toMatchObject({ matched: 1, missingInPostgres: 20 });
  const open = await openDivergences();
  expect(open).toHaveLength(20);
  expect(new Set(open.map(({ times_seen }) => times_seen))).toEqual(new Set([2]));
});

test('a run that broke off half way is taken up, and counts each couple once', async () => {
  const day = { [DATE]: { completions: { quest_1: { w: true } } } };
  const couples = Array.from({ length: 600 }, (_, n) => `u${String(n).padStart(3, '0')}_w`);
  await rtdb.rest.set(['daily_quests'], Object.fromEntries(couples.map((id) => [id, day])));
  await inPostgres('u599_w', 'quest_1', 'w');
  const breaking: ReconcileContext = {
    ...context,
    rtdb: {
      ...rtdb.tree,
      usage: rtdb.tree.usage,
      readDays: (coupleId, ...dates) =>
        coupleId === 'u555_w'
          ? Promise.reject(new Error('cut'))
          : rtdb.tree.readDays(coupleId, ...dates),
    },
  };
  const open = await openRun(REQUEST, breaking, 'test');
  await expect(workOn(open, REQUEST, breaking)).rejects.toThrow('cut');
  const [failed] = await database.query('select status, error from mirror.reconcile_runs');
  expect(failed).toEqual({ status: 'failed', error: 'cut' });
  const resumed = await resumeRun(open.runId, REQUEST, context, 'test');
  expect(resumed.shards.length).toBeLessThan(open.shards.length);
  const run = await workOn(resumed, REQUEST, context);
  expect(run).toMatchObject({
    ...{ runId: open.runId, status: 'finished', couples: 600, matched: 1, missingInPostgres: 599 },
  });
  expect(await openDivergences()).toHaveLength(599);
});

test('a run of some couples leaves what it knows of others alone', async () => {
  await inRtdb('ann_bob', 'quest_1', 'ann');
  await inRtdb('cyd_dan', 'quest_1', 'cyd');
  await runReconcile(REQUEST, context);
  await inPostgres('ann_bob', 'quest_1', 'ann');
  await inPostgres('cyd_dan', 'quest_1', 'cyd');
  const run = await runReconcile({ ...REQUEST, couples: ['ann_bob'] }, context);
  expect(run).toMatchObject({ couples: 1, matched: 1, consistency: 1 });
  expect(await openDivergences()).toMatchObject([{ kind: 'missing_in_postgres' }]);
});

test('it never writes to quest_completions', async () => {
  await inBoth('ann_bob', 'quest_1', 'ann');
  await inRtdb('ann_bob', 'quest_2', 'ann');
  const rows = 'select xmin::text, ctid::text, * from rtdb.quest_completions';
  const before = await database.query(rows);
  await runReconcile(REQUEST, context);
  expect(await database.query(rows)).toEqual(before);
});

const inPostgresAfter = async (quest: string, lateMs: number) => {
  const time = new Date(Date.now() - lateMs).toISOString();
  const ref = path('ann_bob', quest, 'ann').join('/');
  await mirror.mirror(writeOf({ id: `late-${quest}`, time, ref }));
};

const late = () =>
  database.query(
    `select key ->> 'quest_id' as quest_id, resolved_at is not null as is_healed from mirror.divergence_log
     where kind = 'late'`,
  );

test('an event that took ten minutes is told of once, as healed', async () => {
  await inPostgresAfter('quest_quick', 50);
  await inPostgresAfter('quest_slow', 600_000);
  await runReconcile(REQUEST, context);
  await runReconcile(REQUEST, context);
  expect(await late()).toEqual([{ quest_id: 'quest_slow', is_healed: true }]);
});

test('a clock that is ten minutes off makes no event late', async () => {
  for (const quest of ['quest_1', 'quest_2', 'quest_3']) await inPostgresAfter(quest, 600_000);
  await runReconcile(REQUEST, context);
  expect(await late()).toEqual([]);
});
