import { send } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { completions } from '../support/mirror-tables';
import {
  asModel,
  deliverUntilAcknowledged,
  randomHistory,
  seededRandom,
} from '../support/redelivery';
import { type Runtime, startRuntime } from '../support/runtime';

let database: TestDatabase;
let runtime: Runtime;

beforeAll(async () => {
  database = await cloneDatabase();
  runtime = await startRuntime({ databaseUrl: database.url });
});

afterAll(async () => {
  await runtime?.stop();
  await database?.drop();
});

test('instances killed amid their work lose nothing that is delivered again', async () => {
  const random = seededRandom(31);
  const history = randomHistory(60, 6, random);
  let replacement: Promise<void> = Promise.resolve();
  let kills = 0;
  const replace = async (): Promise<void> => {
    await runtime.kill();
    kills += 1;
    runtime = await startRuntime({ databaseUrl: database.url, port: runtime.port });
  };
  const { statuses } = await deliverUntilAcknowledged(history.events, {
    random,
    send: (event) => send(runtime.url, event),
    onAcknowledged: (count) => {
      if (count % 130 === 60) replacement = replacement.then(replace);
    },
  });
  await replacement;
  expect(kills).toBe(3);
  // 0: the instance died before it answered.
  expect([...statuses.keys()].sort()).toEqual([0, 204]);
  expect(asModel(await completions(database))).toEqual(history.finalRows);
}, 60_000);

test('an instance told to end exits, and the next one goes on', async () => {
  await runtime.stop();
  runtime = await startRuntime({ databaseUrl: database.url });
  const random = seededRandom(32);
  const history = randomHistory(5, 2, random);
  await database.query('truncate rtdb.quest_completions');
  await deliverUntilAcknowledged(history.events, {
    random,
    send: (event) => send(runtime.url, event),
  });
  expect(asModel(await completions(database))).toEqual(history.finalRows);
});
