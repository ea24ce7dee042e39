import { PATHS } from '../../functions/src/app-paths';
import { canaryLeaf } from '../../functions/src/canary/canaries';
import { FLAG } from '../../functions/src/flag/flag-rule';
import { PATHS_OFF } from '../../functions/src/flag/paths-rule';
import { findFreePort } from '../../local/free-port';
import { type RtdbRest, rtdbRest } from '../../local/rtdb-rest';
import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';
import { post } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { type RemoteConfigStub, startRemoteConfigStub } from '../support/remote-config-stub';
import { type Runtime, startRuntime } from '../support/runtime';

/** The canaries' function on the production runtime, with RTDB, one trigger and Postgres. */

const NAMESPACE = 'demo-quests-default-rtdb';
const NAMES = PATHS.map(({ name }) => name);

interface CanaryLine {
  severity: string;
  message: string;
  path: string;
  canary?: string;
  lag_ms?: number;
  reason?: string;
}

let database: TestDatabase;
let standin: RtdbStandin;
let rest: RtdbRest;
let stub: RemoteConfigStub;
let trigger: Runtime;
let canary: Runtime;

const template = (off: string) => ({
  parameters: {
    [FLAG]: { defaultValue: { value: 'true' } },
    [PATHS_OFF]: { defaultValue: { value: off } },
  },
  version: { versionNumber: '1' },
});

beforeAll(async () => {
  [database, stub] = await Promise.all([cloneDatabase(), startRemoteConfigStub(template('steps'))]);
  const port = await findFreePort();
  const [completions] = PATHS;
  standin = await startRtdbStandin({
    triggers: [{ refPattern: completions.ref, url: `http://127.0.0.1:${port}/` }],
  });
  rest = rtdbRest(standin.address, NAMESPACE);
  const common = { databaseUrl: database.url, rtdbHost: standin.address };
  [trigger, canary] = await Promise.all([
    startRuntime({ ...common, port }),
    startRuntime({ ...common, target: 'mirrorCanary', env: stub.env }),
  ]);
});

afterAll(async () => {
  await Promise.all([trigger?.stop(), canary?.stop(), standin?.stop(), stub?.stop()]);
  await database?.drop();
});

/** One round: its status, and its lines by path. */
async function round(): Promise<{ status: number; lines: Record<string, CanaryLine> }> {
  const before = canary.lines.length;
  const status = await post(canary.url, {}, '');
  const lines = await eventually(
    () => {
      const found = canary.lines.slice(before).flatMap(canaryLine);
      return found.length < NAMES.length ? null : found;
    },
    { describe: 'a line for each path' },
  );
  return { status, lines: Object.fromEntries(lines.map((line) => [line.path, line])) };
}

function canaryLine(text: string): CanaryLine[] {
  if (!text.startsWith('{')) return [];
  const line: CanaryLine = JSON.parse(text);
  return line.path === undefined ? [] : [line];
}

const told = (lines: Record<string, CanaryLine>) => NAMES.map((name) => lines[name]?.canary);
const each = (verdict: string) => NAMES.map((name) => (name === 'steps' ? 'disabled' : verdict));

test('each path that is on has its canary; what arrives is told with its path and lag', async () => {
  const first = await round();
  expect(first.status).toBe(200);
  expect(told(first.lines)).toEqual(each('first'));
  for (const path of PATHS) {
    const held = await rest.get(canaryLeaf(path).path);
    if (path.name === 'steps') expect(held).toBeNull();
    else expect(held).not.toBeNull();
  }
  await standin.eventsDelivered();
  const second = await round();
  expect(second.lines.quest_completions).toMatchObject({
    ...{ severity: 'INFO', message: 'canary arrived', canary: 'arrived' },
    lag_ms: expect.any(Number),
  });
  // Nobody delivers theirs, and they were written a moment ago.
  expect(second.lines.lp_awards).toMatchObject({ canary: 'first' });
  expect(await database.query('select path, reason from mirror.coverage')).toEqual([
    { path: 'steps', reason: 'flag_off' },
  ]);
});

test('a path whose table is gone fails alone, and its line is no canary’s', async () => {
  await database.query('drop table rtdb.lp_awards cascade');
  const { status, lines } = await round();
  expect(status).toBe(500);
  expect(lines.lp_awards).toMatchObject({ severity: 'ERROR', message: 'no canary flew' });
  expect(lines.lp_awards?.canary).toBeUndefined();
  expect(told(lines).filter((verdict) => verdict === undefined)).toHaveLength(1);
  await eventually(
    () => canary.lines.some((line) => line.includes('no canary flew on: lp_awards')),
    {
      describe: 'the round to say which',
    },
  );
});
