import {
  HOURS_COUNTED,
  parseArrivals,
} from '../../functions/src/completions-only/postgres/hourly-arrivals';
import type { ReconcileContext } from '../../functions/src/completions-only/reconcile/reconcile';
import { runReconcile } from '../../functions/src/completions-only/reconcile/run-reconcile';
import { CANARY_COUPLE } from '../../functions/src/paths/quest-completions/canary-couple';
import { clientConfig } from '../../functions/src/postgres/client-config';
import { Connections } from '../../functions/src/postgres/connections';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

/** Far from the rows: what the run compares is not what is counted. */
const REQUEST = { fromDate: '2025-11-18', toDate: '2025-11-20', graceMs: 0, couples: null };

let database: TestDatabase;
let rtdb: StandinTree;
let connections: Connections;
let failures: unknown[];
let context: ReconcileContext;

beforeEach(async () => {
  database = await cloneDatabase();
  rtdb = await startStandinTree();
  connections = new Connections(clientConfig(database.url), 2);
  failures = [];
  context = {
    statements: connections,
    rtdb: rtdb.tree,
    retentionDays: 0,
    onHoursNotCounted: (error) => failures.push(error),
  };
});

afterEach(async () => {
  await connections.close();
  await rtdb.standin.stop();
  await database.drop();
});

/** Rows that Postgres took in a full hour: so many hours ago, in its middle. */
async function arrive(hoursAgo: number, rows: readonly (readonly [string, string, number?])[]) {
  const client = await database.pool.connect();
  try {
    // As the mirror's own writes, which keep the time that they are given.
    await client.query("select set_config('mirror.writer', 'on', false)");
    for (const [n, [couple, origin, lagMs]] of rows.entries()) {
      await client.query(
        `insert into rtdb.quest_completions (
           couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_id,
           event_time, deleted_at, mirrored_at
         )
         select $1, '2025-01-01', $2, 'ann', took.at,
           case when $3 <> 'gone' then 'true'::jsonb end, replace($3, 'gone', 'rtdb'),
           case when $4::integer is null then null else $2 end,
           coalesce(took.at - make_interval(secs => $4 / 1000.0), '-infinity'),
           case when $3 = 'gone' then took.at end,
           took.at
         from (
           select date_trunc('hour', clock_timestamp(), 'UTC') - make_interval(hours => $5)
             + interval '30 minutes' as at
         ) as took`,
        [couple, `q${hoursAgo}_${n}`, origin, lagMs ?? null, hoursAgo],
      );
    }
  } finally {
    client.release(true);
  }
}

async function counted() {
  const hours = parseArrivals(await connections.run(HOURS_COUNTED, ['-infinity']));
  return hours.filter(({ live, tombstones, client, backfill, repair }) =>
    [live, tombstones, client, backfill, repair].some((count) => count > 0),
  );
}

test('a finished run counts the full hours behind it, by outcome, without the canary', async () => {
  await arrive(3, [
    ['ann_bob', 'rtdb', 100],
    ['ann_bob', 'rtdb', 300],
    ['ann_bob', 'gone', 200],
    ['ann_bob', 'client'],
    ['ann_bob', 'backfill'],
    ['ann_bob', 'repair'],
    [CANARY_COUPLE, 'rtdb', 9_000],
  ]);
  await arrive(60, [['ann_bob', 'rtdb', 100]]);
  await runReconcile(REQUEST, context);
  expect(failures).toEqual([]);
  expect(await counted()).toEqual([
    {
      hour: expect.stringMatching(/T\d\d:00:00\.000000Z$/),
      ...{ live: 2, tombstones: 1, client: 1, backfill: 1, repair: 1 },
      ...{ p50Ms: 200, p95Ms: expect.closeTo(290), p99Ms: expect.closeTo(298), maxMs: 300 },
    },
  ]);
});

test('an hour is counted once: what a later run finds in it changes nothing', async () => {
  await arrive(2, [['ann_bob', 'rtdb', 100]]);
  await runReconcile(REQUEST, context);
  await arrive(2, [['cyd_dan', 'rtdb', 500]]);
  await runReconcile(REQUEST, context);
  expect(await counted()).toMatchObject([{ live: 1, maxMs: 100 }]);
});

test('the hour that runs is left to a later run', async () => {
  await arrive(0, [['ann_bob', 'rtdb', 100]]);
  await runReconcile(REQUEST, context);
  expect(await counted()).toEqual([]);
});

test('figures that can not be counted are told, and the run is finished all the same', async () => {
  await database.query('drop table mirror.hourly_arrivals');
  const run = await runReconcile(REQUEST, context);
  expect(run.status).toBe('finished');
  expect(failures).toEqual([expect.objectContaining({ code: '42P01' })]);
});
