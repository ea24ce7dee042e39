import { setTimeout as delay } from 'node:timers/promises';
import { type CloudEvent, completionEvent, send } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { completions, divergences, emptyTables } from '../support/mirror-tables';
import {
  asModel,
  deliverUntilAcknowledged,
  randomHistory,
  seededRandom,
} from '../support/redelivery';
import { type Runtime, startRuntime } from '../support/runtime';

let database: TestDatabase;
/** With no settings; it connects at its first event. */
let standard: Runtime;
/** A test's own. */
let runtimes: Runtime[] = [];

beforeAll(async () => {
  database = await cloneDatabase();
  standard = await startRuntime({ databaseUrl: database.url });
});

afterEach(async () => {
  await Promise.all(runtimes.map((runtime) => runtime.stop()));
  await database.query('drop function if exists slow cascade');
  runtimes = [];
  await emptyTables(database);
});

afterAll(async () => {
  await standard?.stop();
  await database?.drop();
});

async function start(env: Record<string, string> = {}): Promise<Runtime> {
  const runtime = await startRuntime({ databaseUrl: database.url, env });
  runtimes.push(runtime);
  return runtime;
}

/** As over a network: on this machine alone statements are done before the next event is read. */
async function slowStatements(): Promise<void> {
  await database.query(`
    create function slow() returns trigger language plpgsql as
      'begin perform pg_sleep(0.05); return null; end';
    create trigger slow after insert on rtdb.quest_completions
      for each statement execute function slow()`);
}

async function number(query: string): Promise<number> {
  const [row] = await database.query<{ n: number }>(query);
  return row?.n ?? Number.NaN;
}

const connections = () =>
  number(`select count(*)::int as n from pg_stat_activity
    where datname = current_database() and application_name = 'quest-mirror'`);

/** A row's xmin is the transaction that inserted it. */
const insertingTransactions = () =>
  number('select count(distinct xmin::text)::int as n from rtdb.quest_completions');

const burst = (count: number) =>
  Array.from({ length: count }, (_, index) => completionEvent({ questId: `quest_${index}` }));

/** The most connections at any look while work goes on. */
async function mostConnectionsDuring(work: Promise<unknown>): Promise<number> {
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  work.then(end, end);
  let most = 0;
  while (!isOver) {
    most = Math.max(most, await connections());
    await delay(5);
  }
  await work;
  return Math.max(most, await connections());
}

// In this order: once it has an event, the standard instance keeps its connection.
test.each([
  ['at most DATABASE_POOL_MAX connections', () => start({ DATABASE_POOL_MAX: '3' }), 3],
  ['one connection by default', () => standard, 1],
])('200 concurrent events use %s', async (_name, instance, expected) => {
  const runtime = await instance();
  await slowStatements();
  await send(runtime.url, completionEvent({ questId: 'quest_0' }));
  const answers = Promise.all(burst(200).map((event) => send(runtime.url, event)));
  await expect(mostConnectionsDuring(answers)).resolves.toBe(expected);
  expect(new Set(await answers)).toEqual(new Set([204]));
  await expect(completions(database)).resolves.toHaveLength(200);
});

test('concurrent events share statements', async () => {
  await slowStatements();
  await send(standard.url, completionEvent({ coupleId: 'a_b', userId: 'a' }));
  const answers = await Promise.all(burst(200).map((event) => send(standard.url, event)));
  expect(new Set(answers)).toEqual(new Set([204]));
  await expect(insertingTransactions()).resolves.toBeLessThan(50);
  await expect(completions(database)).resolves.toHaveLength(201);
});

test('100 events of one row leave the newest, whatever their order', async () => {
  const random = seededRandom(7);
  const history = randomHistory(1, 50, random);
  const deliver = (event: CloudEvent) => send(standard.url, event);
  await deliverUntilAcknowledged(history.events, { send: deliver, random, duplicates: 1 });
  expect(asModel(await completions(database))).toEqual(history.finalRows);
});

test('several instances on the same rows in any order meet no deadlock', async () => {
  await Promise.all([start(), start({ DATABASE_POOL_MAX: '3' })]);
  const instances = [standard, ...runtimes];
  const random = seededRandom(11);
  const history = randomHistory(30, 6, random);
  const { statuses } = await deliverUntilAcknowledged(history.events, {
    random,
    concurrency: 80,
    send: (event) => send(instances[Math.floor(random() * instances.length)]?.url ?? '', event),
  });
  expect(instances.flatMap((runtime) => runtime.errors())).toEqual([]);
  expect([...statuses.keys()]).toEqual([204]);
  expect(asModel(await completions(database))).toEqual(history.finalRows);
  expect(instances.flatMap((runtime) => runtime.lines).join('\n')).not.toMatch(/deadlock/i);
  const rejected = (await divergences(database)).filter((row) => row.kind === 'write_rejected');
  expect(rejected).toEqual([]);
});
