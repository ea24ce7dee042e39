import { completionEvent, type JsonValue, send } from '../support/cloud-event';
import { runCommand } from '../support/command';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { completions, divergences } from '../support/mirror-tables';
import { type Runtime, startRuntime } from '../support/runtime';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

/** A database mirrors one RTDB: events of any other are refused, on the production runtime. */

const OTHER = 'other-default-rtdb';

let database: TestDatabase;
let rtdb: StandinTree;
let runtime: Runtime | undefined;

beforeAll(async () => {
  rtdb = await startStandinTree();
});

beforeEach(async () => {
  database = await cloneDatabase();
});

afterEach(async () => {
  await runtime?.stop();
  runtime = undefined;
  await database.drop();
});

afterAll(() => rtdb.standin.stop());

const start = async (env: Record<string, string> = {}) => {
  runtime = await startRuntime({ databaseUrl: database.url, env });
  return runtime;
};

/** Delivers an event about a leaf of its own; answers its outcome. */
async function outcomeOf(
  running: Runtime,
  attributes: Record<string, JsonValue | undefined> = {},
  questId = 'quest_1',
): Promise<string> {
  const event = completionEvent({ attributes, questId });
  expect(await send(running.url, event)).toBe(204);
  return (await running.outcomeOf(String(event.id))).outcome;
}

const quests = async () => (await completions(database)).map(({ quest_id }) => quest_id).sort();
const identity = () => database.query('select instance, host from mirror.identity');

test('the first event says which RTDB it is', async () => {
  const running = await start();
  expect(await identity()).toEqual([]);
  expect(await outcomeOf(running)).toBe('applied');
  expect(await identity()).toEqual([{ instance: 'demo-quests-default-rtdb', host: 'emulator' }]);
});

test('another database’s events are refused with one row an hour, while ours are written', async () => {
  const running = await start();
  await outcomeOf(running, {}, 'ours_0');
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      n % 2 === 0
        ? outcomeOf(running, { instance: OTHER }, `theirs_${n}`)
        : outcomeOf(running, {}, `ours_${n}`),
    ),
  );
  expect(outcomes).toEqual(outcomes.map((_, n) => (n % 2 === 0 ? 'rejected' : 'applied')));
  const ours = ['ours_0', ...outcomes.flatMap((_, n) => (n % 2 === 0 ? [] : [`ours_${n}`]))];
  expect(await quests()).toEqual(ours.sort());
  expect(await divergences(database)).toMatchObject([
    {
      ...{ path: 'quest_completions', kind: 'write_rejected', cause: 'other_database' },
      ...{ severity: 'error', detected_by: 'trigger', times_seen: 1, resolved: false },
      detail: { instance: OTHER, host: 'emulator' },
    },
  ]);
});

test('a write that would bury a row of ours leaves it', async () => {
  const running = await start();
  await outcomeOf(running);
  const removal = completionEvent({
    ...{ questId: 'quest_1', before: true, after: null, time: '2026-11-19T12:00:00Z' },
    attributes: { instance: OTHER },
  });
  expect(await send(running.url, removal)).toBe(204);
  expect(await completions(database)).toMatchObject([{ payload: true, deleted_at: null }]);
});

test('what is no completion there is not logged as an error of ours', async () => {
  const running = await start();
  await outcomeOf(running);
  const event = completionEvent({ after: 'no completion', attributes: { instance: OTHER } });
  expect(await send(running.url, event)).toBe(204);
  expect(await divergences(database)).toMatchObject([{ cause: 'other_database' }]);
});

test('in production a region is part of the name, and an emulator is no part of it', async () => {
  const running = await start({ FIREBASE_DATABASE_EMULATOR_HOST: '' });
  expect(await outcomeOf(running)).toBe('applied');
  expect(await identity()).toMatchObject([{ host: 'firebaseio.com' }]);
  const elsewhere = { firebasedatabasehost: 'europe-west1.firebasedatabase.app' };
  expect(await outcomeOf(running, elsewhere, 'quest_2')).toBe('rejected');
  expect(await outcomeOf(running, { firebasedatabasehost: '127.0.0.1:9000' }, 'quest_3')).toBe(
    'rejected',
  );
  expect(await quests()).toEqual(['quest_1']);
  expect(await divergences(database)).toHaveLength(2);
});

test.each([
  ['no instance', { instance: undefined }],
  ['no host', { firebasedatabasehost: undefined }],
])('an event with %s counts as own', async (_case, attributes) => {
  const running = await start({ FIREBASE_DATABASE_EMULATOR_HOST: '' });
  await outcomeOf(running, {}, 'quest_1');
  expect(await outcomeOf(running, attributes, 'quest_2')).toBe('applied');
});

test('once it is adopted, its events are written, and those of the other one refused', async () => {
  const running = await start();
  await outcomeOf(running);
  expect(await outcomeOf(running, { instance: OTHER }, 'theirs')).toBe('rejected');
  const env = { DATABASE_URL: database.url, ...rtdb.env, RTDB_INSTANCE: OTHER };
  const range = ['--from', '2025-11-19', '--to', '2025-11-19'];
  expect((await runCommand(['backfill', ...range, '--adopt-rtdb'], env)).code).toBe(0);
  expect(await identity()).toEqual([{ instance: OTHER, host: 'emulator' }]);
  expect(await outcomeOf(running, { instance: OTHER }, 'theirs')).toBe('applied');
  // An instance that met no event of the new one goes on with the old: the trigger is deployed anew.
  expect(await outcomeOf(running, {}, 'ours_again')).toBe('rejected');
});
