import { openRun, resumeRun } from '../../functions/src/completions-only/reconcile/open-run';
import type {
  ReconcileContext,
  ReconcileRequest,
} from '../../functions/src/completions-only/reconcile/reconcile';
import { runReconcile, workOn } from '../../functions/src/completions-only/reconcile/run-reconcile';
import { clientConfig } from '../../functions/src/postgres/client-config';
import { Connections } from '../../functions/src/postgres/connections';
import { runCommand } from '../support/command';
import type { TestDatabase } from '../support/database';
import { pristineDatabase } from '../support/pristine-database';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

let database: TestDatabase;
let rtdb: StandinTree;
let connections: Connections;
let context: ReconcileContext;
let request: ReconcileRequest;

const dayOf = (offset: number) =>
  new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

/** 300 couples (two shards), alike on both sides. */
beforeEach(async () => {
  database = await pristineDatabase();
  rtdb = await startStandinTree();
  connections = new Connections(clientConfig(database.url), 2);
  context = { statements: connections, rtdb: rtdb.tree, retentionDays: 0 };
  request = { fromDate: dayOf(-1), toDate: dayOf(1), graceMs: 0, couples: null };
  const couples = Array.from({ length: 300 }, (_, n) => `c${String(n).padStart(3, '0')}_w`);
  const day = { [dayOf(0)]: { completions: { quest_1: { w: true } } } };
  await rtdb.rest.set(['daily_quests'], Object.fromEntries(couples.map((couple) => [couple, day])));
  await database.query(
    `insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time)
     select couple, $2, 'quest_1', 'w', now(), 'true', 'rtdb', now()
     from unnest($1::text[]) as couple`,
    [couples, dayOf(0)],
  );
});

afterEach(async () => {
  await connections.close();
  await rtdb.standin.stop();
});

const report = async () => {
  const env = { DATABASE_URL: database.url };
  const { out } = await runCommand(['report'], env);
  const { code, out: json } = await runCommand(['report', '--json'], env);
  return { code, out, ...JSON.parse(json) };
};

/** All that happened so far happened that much earlier. */
const letPass = (hours: number) =>
  database.query(
    `with runs as (
       update mirror.reconcile_runs set
         started_at = started_at - make_interval(hours => $1),
         finished_at = finished_at - make_interval(hours => $1),
         checkpoint = checkpoint || jsonb_build_object(
           'beat', (checkpoint ->> 'beat')::timestamptz - make_interval(hours => $1)
         )
     )
     update mirror.reconcile_shards set finished_at = finished_at - make_interval(hours => $1)`,
    [hours],
  );

/** The first shard is done; then the worker is gone without a word. */
const killHalfWay = async () => {
  const open = await openRun(request, context, null);
  await workOn({ ...open, shards: open.shards.slice(0, 1) }, request, context);
  return open.runId;
};

test('a newer run that was killed is told of beside the one that counts', async () => {
  await runReconcile(request, context);
  const killed = await killHalfWay();
  const found = await report();
  expect(found).toMatchObject({
    code: 0,
    raw: { matched: 300, compared: 300 },
    newestAttempt: { id: killed, status: 'running' },
  });
  expect(found.out).toMatch(new RegExp(`newest run +${killed}, begun .*, has not finished`));
});

test('once the older one does not suffice any more, the killed one is a reason', async () => {
  await runReconcile(request, context);
  await letPass(3);
  const killed = await killHalfWay();
  const found = await report();
  expect(found.code).toBe(2);
  expect(found.reasons.map(({ code }: { code: string }) => code)).toEqual(
    expect.arrayContaining(['run_too_old', 'attempt_unfinished']),
  );
  expect(found.sentence).toContain(`the newest run, ${killed}, began at `);
});

test('the next run marks it as failed', async () => {
  const killed = await killHalfWay();
  await letPass(1);
  await runReconcile(request, context);
  const rows = await database.query(
    'select status, error from mirror.reconcile_runs where id = $1',
    [killed],
  );
  expect(rows).toEqual([{ status: 'failed', error: expect.stringMatching(/^abandoned: /) }]);
});

test('a run that was resumed is as old as the first of its shards', async () => {
  const killed = await killHalfWay();
  await letPass(20);
  // What the first shard found to be alike then is lost now.
  await database.query(`delete from rtdb.quest_completions where couple_id < 'c200_w'`);
  const run = await workOn(await resumeRun(killed, request, context, null), request, context);
  expect(run).toMatchObject({ status: 'finished', matched: 300 });
  const found = await report();
  expect([found.verdict, found.code]).toEqual(['cannot_tell', 2]);
  expect(found.sentence).toContain('more than 2 h before the end');
});
