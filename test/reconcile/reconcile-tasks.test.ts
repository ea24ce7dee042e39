import { RESOLVE_GONE } from '../../functions/src/completions-only/postgres/reconcile-findings';
import type { ReconcileContext } from '../../functions/src/completions-only/reconcile/reconcile';
import {
  doTask,
  type ReconcileTask,
  startTasks,
} from '../../functions/src/completions-only/reconcile/reconcile-tasks';
import { runReconcile } from '../../functions/src/completions-only/reconcile/run-reconcile';
import { clientConfig } from '../../functions/src/postgres/client-config';
import { Connections } from '../../functions/src/postgres/connections';
import type { TestDatabase } from '../support/database';
import { pristineDatabase } from '../support/pristine-database';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

const DAY = '2025-11-19';
const REQUEST = { fromDate: DAY, toDate: DAY, graceMs: 0, couples: null };
const LEAF = ['daily_quests', 'ann_bob', DAY, 'completions', 'quest_1', 'ann'];

let database: TestDatabase;
let rtdb: StandinTree;
let connections: Connections;
let context: ReconcileContext;

beforeEach(async () => {
  database = await pristineDatabase();
  rtdb = await startStandinTree();
  connections = new Connections(clientConfig(database.url), 1);
  context = { statements: connections, rtdb: rtdb.tree, retentionDays: 0 };
});

afterEach(async () => {
  await connections.close();
  await rtdb.standin.stop();
});

/** Begins a run, and hands out its tasks as a queue would. */
async function begin(): Promise<ReconcileTask[]> {
  const tasks: ReconcileTask[] = [];
  await startTasks(REQUEST, context, async (task) => tasks.push(task));
  return tasks;
}

const openKinds = () =>
  database.query(
    'select kind, times_seen from mirror.divergence_log where resolved_at is null order by kind',
  );

test('a task that is delivered again changes nothing', async () => {
  await rtdb.rest.set(LEAF, true);
  const [task] = (await begin()) as [ReconcileTask];
  expect(await doTask(task, context, false)).toMatchObject({ status: 'finished', couples: 1 });
  const found = await openKinds();
  expect(found).toEqual([{ kind: 'missing_in_postgres', times_seen: 1 }]);
  expect(await doTask(task, context, false)).toBeNull();
  expect(await openKinds()).toEqual(found);
});

/** Postgres goes away between the last shard's count and what follows. */
const cutOff = (): ReconcileContext => ({
  ...context,
  statements: {
    run: (text, values) =>
      text === RESOLVE_GONE ? Promise.reject(new Error('cut off')) : connections.run(text, values),
  },
});

test('a run that was counted but not closed is closed by the next try, once', async () => {
  await rtdb.rest.set(LEAF, true);
  for (const task of await begin()) await doTask(task, context, false);
  await rtdb.rest.remove(LEAF);
  const [task] = (await begin()) as [ReconcileTask];
  await expect(doTask(task, cutOff(), false)).rejects.toThrow('cut off');
  expect(await openKinds()).toHaveLength(1);
  expect(await doTask(task, context, false)).toMatchObject({ runId: 2, status: 'finished' });
  expect(await openKinds()).toEqual([]);
  expect(await doTask(task, context, false)).toBeNull();
});

test('of two tasks, one closes the run', async () => {
  const couples = Array.from({ length: 600 }, (_, n) => [`u${n}_w`, { [DAY]: { x: true } }]);
  await rtdb.rest.set(['daily_quests'], Object.fromEntries(couples));
  const tasks = await begin();
  expect(tasks.length).toBeGreaterThan(1);
  const ends = await Promise.all(tasks.map((task) => doTask(task, context, false)));
  expect(ends.filter((end) => end !== null)).toEqual([
    expect.objectContaining({ status: 'finished', couples: 600 }),
  ]);
});

test('a run that is closed late resolves nothing that a newer one found standing', async () => {
  await rtdb.rest.set(LEAF, 'rubbish');
  await database.query(
    `insert into mirror.divergence_log
       (path, ref, shard, day, key, kind, cause, severity, detected_by)
     values ('quest_completions', $1, 'ann_bob', $2, '{"quest_id": "quest_1"}', 'invalid_payload', 'rejected', 'error', 'trigger')`,
    [LEAF.join('/'), DAY],
  );
  const [task] = (await begin()) as [ReconcileTask];
  await expect(doTask(task, cutOff(), false)).rejects.toThrow('cut off');
  await runReconcile(REQUEST, context);
  await doTask(task, context, false);
  expect(await openKinds()).toEqual([
    { kind: 'invalid_payload', times_seen: 1 },
    { kind: 'missing_in_postgres', times_seen: 2 },
  ]);
});

test('a run that failed is left as it is', async () => {
  await rtdb.rest.set(LEAF, true);
  const [task] = (await begin()) as [ReconcileTask];
  const blind = {
    ...context,
    rtdb: { ...rtdb.tree, readDays: async () => Promise.reject(Error('x')) },
  };
  await expect(doTask(task, blind, true)).rejects.toThrow('x');
  expect(await doTask(task, context, false)).toBeNull();
  expect(await database.query('select status, error from mirror.reconcile_runs')).toEqual([
    { status: 'failed', error: 'x' },
  ]);
});
