import { COMPLETION_PATTERN } from '../../functions/src/paths/quest-completions/completion-path';
import { findFreePort } from '../../local/free-port';
import { type RtdbRest, rtdbRest } from '../../local/rtdb-rest';
import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';
import { runCommand } from '../support/command';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { flagTemplate } from '../support/flag-template';
import { CLOCK_AHEAD, putClockAhead } from '../support/put-clock-ahead';
import { type RemoteConfigStub, startRemoteConfigStub } from '../support/remote-config-stub';
import { type Runtime, startRuntime } from '../support/runtime';

/**
 * Mirroring is turned off and on again in Remote Config while phones go on writing: RTDB, the function
 * on the production runtime, Postgres, and the verbs that close the gap.
 */

const NAMESPACE = 'demo-quests-default-rtdb';
const TODAY = new Date().toISOString().slice(0, 10);
const WRITES = 60;

let database: TestDatabase;
let stub: RemoteConfigStub;
let standin: RtdbStandin;
let rest: RtdbRest;
let runtime: Runtime;

beforeAll(async () => {
  database = await cloneDatabase();
  await database.query(
    `insert into mirror.coverage (from_at, reason, detail)
     values (now() - interval '3 days', 'flag_off', '{"by": "migrate"}')`,
  );
  stub = await startRemoteConfigStub(flagTemplate({ value: 'true', version: 1 }));
  const port = await findFreePort();
  standin = await startRtdbStandin({
    triggers: [{ refPattern: COMPLETION_PATTERN, url: `http://127.0.0.1:${port}/` }],
  });
  rest = rtdbRest(standin.address, NAMESPACE);
  runtime = await startRuntime({
    databaseUrl: database.url,
    rtdbHost: standin.address,
    env: stub.env,
    port,
    preload: CLOCK_AHEAD,
  });
});

afterAll(async () => {
  await runtime?.stop();
  await standin?.stop();
  await stub?.stop();
  await database?.drop();
});

const leaf = (quest: string) => [
  ...['daily_quests', 'ann_bob', TODAY],
  ...['completions', quest, 'ann'],
];

/** A minute passes on the function's clock: what it knows of the flag is too old to decide by. */
async function turn(value: 'true' | 'false', version: number): Promise<void> {
  stub.answer = { template: flagTemplate({ value, version }) };
  await putClockAhead(runtime);
}

/** Writes one by one, as phones do, while the events are delivered; answers the median time. */
async function write(prefix: string): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < WRITES; n += 1) {
    const startedAt = performance.now();
    await rest.set(leaf(`${prefix}_${n}`), true);
    times.push(performance.now() - startedAt);
  }
  await standin.eventsDelivered();
  return times.sort((a, b) => a - b)[WRITES / 2] ?? 0;
}

async function rows(prefix: string): Promise<number> {
  const found = await database.query(
    `select from rtdb.quest_completions where quest_id like $1 || '_%' and deleted_at is null`,
    [prefix],
  );
  return found.length;
}

async function connections(): Promise<number> {
  const found = await database.query(
    `select from pg_stat_activity
     where datname = current_database() and application_name = 'quest-mirror'`,
  );
  return found.length;
}

const outcomes = (outcome: string) =>
  runtime.outcomes().filter((line) => line.outcome === outcome).length;

const mirror = async (...args: string[]) => {
  const { code, out, errors } = await runCommand(args, {
    DATABASE_URL: database.url,
    FIREBASE_DATABASE_EMULATOR_HOST: standin.address,
    GCLOUD_PROJECT: 'demo-quests',
    RECONCILE_GRACE_SECONDS: '0',
  });
  return { code, text: out + errors };
};

const reconcile = async () => expect((await mirror('reconcile')).code).toBe(0);

test('off: phones write as fast, nothing connects to Postgres; on again: the gap is closed', async () => {
  const onMs = await write('before');
  expect(await rows('before')).toBe(WRITES);
  expect(await connections()).toBe(1);
  // What was read before bounds what is missing after.
  await reconcile();

  await turn('false', 2);
  const offMs = await write('meanwhile');
  await rest.remove(leaf('before_1'));
  await rest.set(leaf('before_2'), 1_763_553_600_000);
  await standin.eventsDelivered();
  await eventually(() => outcomes('disabled') === WRITES + 2, { describe: 'all to be disabled' });
  await eventually(async () => (await connections()) === 0, { describe: 'no connection' });
  expect(await rows('meanwhile')).toBe(0);
  expect(stub.looks).toBe(2);
  process.stdout.write(
    `median write to RTDB: ${onMs.toFixed(2)} ms with mirroring on, ${offMs.toFixed(2)} ms off, ` +
      `ratio ${(offMs / onMs).toFixed(2)}\n`,
  );

  await turn('true', 3);
  await write('after');
  await eventually(async () => (await rows('after')) === WRITES, { describe: 'the rows' });
  expect(
    await database.query(
      `select reason, to_at is not null as is_over, detail ->> 'version' as version
       from mirror.coverage order by id`,
    ),
  ).toEqual([
    // What the first migrate opened, until the first event's instance saw it on.
    { reason: 'flag_off', is_over: true, version: null },
    { reason: 'flag_off', is_over: true, version: '2' },
  ]);

  await reconcile();
  expect(
    await database.query(
      `select cause, sum(keys)::int as n from mirror.divergence_log
       where detected_by = 'reconciler' and resolved_at is null group by cause`,
    ),
  ).toEqual([{ cause: 'flag_disabled', n: WRITES + 2 }]);
  expect((await mirror('backfill', '--gaps')).code).toBe(0);
  expect(await rows('meanwhile')).toBe(WRITES);
  expect((await mirror('repair', '--from', TODAY, '--to', TODAY, '--write')).code).toBe(0);
  await reconcile();
}, 60_000);
