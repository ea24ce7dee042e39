import { FLAG } from '../../functions/src/flag/flag-rule';
import { PATHS_OFF } from '../../functions/src/flag/paths-rule';
import { completionEvent, type JsonValue, send } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { completions, emptyTables } from '../support/mirror-tables';
import { CLOCK_AHEAD, putClockAhead } from '../support/put-clock-ahead';
import { type RemoteConfigStub, startRemoteConfigStub } from '../support/remote-config-stub';
import { type Runtime, startRuntime } from '../support/runtime';

/** One path off without a deploy, by Remote Config. */

const text = (value: string) => ({ defaultValue: { value } });

/** The flag on, and what is said of single paths in a group of its own. */
const template = (parameter: { [key: string]: JsonValue } | null, version = 7): JsonValue => ({
  parameters: { [FLAG]: text('true') },
  parameterGroups: {
    Mirror: { parameters: parameter === null ? {} : { [PATHS_OFF]: parameter } },
  },
  version: { versionNumber: String(version) },
});

let database: TestDatabase;
let stub: RemoteConfigStub;
let runtime: Runtime | undefined;

beforeAll(async () => {
  database = await cloneDatabase();
});

beforeEach(async () => {
  stub = await startRemoteConfigStub(template(null));
});

afterEach(async () => {
  await runtime?.stop();
  runtime = undefined;
  await stub.stop();
  await emptyTables(database);
  await database.query('truncate mirror.coverage');
});

afterAll(() => database?.drop());

async function start(answer: JsonValue, databaseUrl = database.url): Promise<Runtime> {
  stub.answer = { template: answer };
  runtime = await startRuntime({ databaseUrl, env: stub.env, preload: CLOCK_AHEAD });
  return runtime;
}

async function outcomeOf(running: Runtime, questId = 'quest_1'): Promise<string> {
  const event = completionEvent({ questId });
  expect(await send(running.url, event)).toBe(204);
  return (await running.outcomeOf(String(event.id))).outcome;
}

const flagLines = ({ lines }: Runtime): { [key: string]: JsonValue }[] =>
  lines.filter((line) => line.includes('"flag":')).map((line) => JSON.parse(line));

const connections = () =>
  database.query(
    `select from pg_stat_activity
     where datname = current_database() and application_name = 'quest-mirror'`,
  );

test('a path that is off answers disabled, connects to nothing, and says so', async () => {
  const running = await start(template(text('quest_completions')), 'postgres://u@127.0.0.1:9/x');
  expect(await outcomeOf(running)).toBe('disabled');
  expect(flagLines(running)).toMatchObject([
    { severity: 'INFO', flag: 'on', flag_paths_off: ['quest_completions'] },
  ]);
});

test('off while it runs: within a minute, with an interval of that path; and on again', async () => {
  const running = await start(template(null, 1));
  expect(await outcomeOf(running)).toBe('applied');
  stub.answer = { template: template(text('quest_completions'), 2) };
  await putClockAhead(running);
  expect(await outcomeOf(running)).toBe('disabled');
  await eventually(async () => (await connections()).length === 0, { describe: 'no connection' });
  const gaps = () =>
    database.query(
      `select path, reason, to_at is null as lasts, detail ->> 'version' as version
       from mirror.coverage`,
    );
  const gap = { path: 'quest_completions', reason: 'flag_off', version: '2' };
  expect(await gaps()).toEqual([{ ...gap, lasts: true }]);
  stub.answer = { template: template(text(''), 3) };
  await putClockAhead(running);
  expect(await outcomeOf(running, 'quest_2')).toBe('applied');
  expect(await gaps()).toEqual([{ ...gap, lasts: false }]);
  expect(await completions(database)).toHaveLength(2);
});

test.each<[string, { [key: string]: JsonValue }, string]>([
  ['another path', text('lp_award'), 'no path is called "lp_award"'],
  ['a rollout', { defaultValue: { rolloutValue: { value: 'quest_completions' } } }, 'a rollout'],
  [
    'a personalization',
    { defaultValue: { personalizationValue: { personalizationId: 'p' } } },
    'a personalization',
  ],
])('%s is a WARNING, and the path stays on', async (_case, parameter, complaint) => {
  const running = await start(template(parameter));
  expect(await outcomeOf(running)).toBe('applied');
  expect(flagLines(running)).toMatchObject([
    { severity: 'WARNING', flag: 'on', complaint: expect.stringContaining(complaint) },
  ]);
  expect(flagLines(running)[0]?.complaint).toContain(PATHS_OFF);
});

test('what was last known of paths holds while Remote Config is away', async () => {
  const running = await start(template(text('quest_completions')));
  expect(await outcomeOf(running)).toBe('disabled');
  stub.answer = { status: 503 };
  await putClockAhead(running);
  expect(await outcomeOf(running)).toBe('disabled');
});
