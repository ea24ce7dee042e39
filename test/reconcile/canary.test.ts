import { CANARY_KEY, type CanaryContext, flyCanary } from '../../functions/src/canary/fly-canary';
import { ruleOfParameter } from '../../functions/src/flag/flag-rule';
import { clientConfig } from '../../functions/src/postgres/client-config';
import { Connections } from '../../functions/src/postgres/connections';
import { completionPath } from '../../functions/src/quests/completion-path';
import type { TestDatabase } from '../support/database';
import { mirrorOn, type TestMirror, writeOf } from '../support/mirror';
import { pristineDatabase } from '../support/pristine-database';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

const REF = completionPath(CANARY_KEY);
const ON = ruleOfParameter(true);
const OFF = ruleOfParameter(false);
const PERIOD_MS = 300_000;

let database: TestDatabase;
let rtdb: StandinTree;
let mirror: TestMirror;
let connections: Connections;
let context: CanaryContext;
let now: number;

beforeEach(async () => {
  database = await pristineDatabase();
  rtdb = await startStandinTree();
  mirror = mirrorOn(database.url);
  connections = new Connections(clientConfig(database.url), 1);
  now = Date.now();
  context = {
    statements: connections,
    perch: {
      read: () => rtdb.tree.readLeaf(CANARY_KEY),
      write: (ms) => rtdb.rest.set(REF.split('/'), ms),
    },
    flag: ON,
    now: () => now,
  };
});

afterEach(async () => {
  await mirror.store.close();
  await connections.close();
  await rtdb.standin.stop();
});

/** The event of the canary that was last written, as the platform would deliver it. */
const deliver = async () => {
  const after = await rtdb.tree.readLeaf(CANARY_KEY);
  const time = new Date().toISOString();
  return mirror.mirror(writeOf({ id: `canary-${after}`, time, ref: REF, after }));
};

const gaps = () =>
  database.query(`select reason, to_at is null as lasts, detail from mirror.coverage order by id`);

test('a canary that arrives leaves no gap, and the next one is written', async () => {
  expect(await flyCanary(context)).toEqual({ verdict: 'first' });
  await deliver();
  expect(await flyCanary(context)).toMatchObject({ verdict: 'arrived' });
  expect(await rtdb.tree.readLeaf(CANARY_KEY)).toBe(now);
  expect(await gaps()).toEqual([]);
});

test('a clock that is ten minutes off makes no canary late', async () => {
  now -= 600_000;
  await flyCanary(context);
  await deliver();
  expect(await flyCanary(context)).toMatchObject({ verdict: 'arrived' });
});

test('a lost canary opens one gap since it was written, and the next that arrives closes it', async () => {
  now -= 2 * PERIOD_MS;
  await flyCanary(context);
  const lostAt = new Date(now);
  now += PERIOD_MS;
  expect(await flyCanary(context)).toEqual({ verdict: 'lost', sinceMs: lostAt.getTime() });
  now += PERIOD_MS;
  expect(await flyCanary(context)).toMatchObject({ verdict: 'lost' });
  const open = await database.query('select from_at, to_at, reason from mirror.coverage');
  expect(open).toEqual([{ from_at: lostAt, to_at: null, reason: 'canary_lost' }]);
  await deliver();
  await flyCanary(context);
  expect(await gaps()).toEqual([{ reason: 'canary_lost', lasts: false, detail: { lost: true } }]);
});

test('a late canary leaves a gap that is over', async () => {
  now -= 120_000;
  await flyCanary(context);
  await deliver();
  now += 120_000;
  expect(await flyCanary(context)).toMatchObject({ verdict: 'late' });
  expect(await gaps()).toMatchObject([
    { reason: 'canary_lost', lasts: false, detail: { late: true } },
  ]);
});

test('with the flag off no canary is expected, and the gap lasts until it is on', async () => {
  await flyCanary({ ...context, flag: OFF });
  await flyCanary({ ...context, flag: OFF });
  expect(await gaps()).toMatchObject([{ reason: 'flag_off', lasts: true }]);
  expect(await rtdb.tree.readLeaf(CANARY_KEY)).toBeNull();
  await flyCanary(context);
  expect(await gaps()).toMatchObject([{ reason: 'flag_off', lasts: false }]);
});

test('a canary that was written just before the flag went off is not lost', async () => {
  now -= 2 * PERIOD_MS;
  await flyCanary(context);
  now += PERIOD_MS;
  await flyCanary({ ...context, flag: OFF });
  now += PERIOD_MS;
  expect(await flyCanary(context)).toBeNull();
  expect(await gaps()).toMatchObject([{ reason: 'flag_off', lasts: false }]);
  await deliver();
  expect(await flyCanary(context)).toMatchObject({ verdict: 'arrived' });
});

test('on for a part of the couples the canary flies, and the gap lasts', async () => {
  const percent = { mode: 'percent' as const, version: 3, detail: { conditions: [] } };
  expect(await flyCanary({ ...context, flag: percent })).toEqual({ verdict: 'first' });
  await deliver();
  expect(await flyCanary({ ...context, flag: percent })).toMatchObject({ verdict: 'arrived' });
  expect(await gaps()).toEqual([
    { reason: 'percent', lasts: true, detail: { by: 'canary', conditions: [], version: 3 } },
  ]);
});
