import { canaryLeaf } from '../../functions/src/canary/canaries';
import { type RoundContext, runCanaryRound } from '../../functions/src/canary/canary-round';
import type { CanaryVerdict } from '../../functions/src/canary/judge-canary';
import { type FlagRule, ruleOfParameter } from '../../functions/src/flag/flag-rule';
import { definePath } from '../../functions/src/paths/define-path';
import type { MirroredPath } from '../../functions/src/paths/mirrored-path';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import { clientConfig } from '../../functions/src/postgres/client-config';
import { Connections } from '../../functions/src/postgres/connections';
import type { TestDatabase } from '../support/database';
import { mirrorPathOn, type TestMirror, writeOf } from '../support/mirror';
import { pristineDatabase } from '../support/pristine-database';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

const ON = ruleOfParameter(true);
const OFF = ruleOfParameter(false);
const PERIOD_MS = 300_000;

/** A key of two parts, none below the couple, and a literal and a day behind it. */
const PATHS: readonly MirroredPath[] = [
  questCompletions,
  definePath({ name: 'lp_awards', trigger: 'a', ref: 'lp_awards/{coupleId}/{awardId}' }),
  definePath({ name: 'quiz_progression', trigger: 'b', ref: 'quiz_progression/{coupleId}' }),
  definePath({
    ...{ name: 'steps', trigger: 'c', ref: 'steps_data/{coupleId}/days/{dateKey}' as const },
    day: 'dateKey',
  }),
];
const NAMES = PATHS.map(({ name }) => name);

let database: TestDatabase;
let rtdb: StandinTree;
let mirrors: Map<string, TestMirror>;
let connections: Connections;
let context: RoundContext;
let now: number;
/** What the last round told of each path. */
let told: Record<string, CanaryVerdict['verdict'] | 'disabled' | 'failed'>;

beforeEach(async () => {
  database = await pristineDatabase();
  rtdb = await startStandinTree();
  mirrors = new Map(PATHS.map((path) => [path.name, mirrorPathOn(path, database.url, () => null)]));
  connections = new Connections(clientConfig(database.url), 2);
  now = Date.now();
  context = {
    statements: connections,
    rtdb: {
      read: (path) => rtdb.rest.get(path),
      write: (path, value) => rtdb.rest.set(path, value),
    },
    flag: ON,
    now: () => now,
    onVerdict: (path, verdict) => {
      told[path] = verdict?.verdict ?? 'disabled';
    },
    onFailure: (path) => {
      told[path] = 'failed';
    },
  };
});

afterEach(async () => {
  await Promise.all([...mirrors.values()].map(({ store }) => store.close()));
  await connections.close();
  await rtdb.standin.stop();
});

const fly = (more: Partial<RoundContext> = {}, paths = PATHS) => {
  told = {};
  return runCanaryRound(paths, { ...context, ...more });
};

const leafOf = (name: string) => {
  const path = PATHS.find((one) => one.name === name);
  if (path === undefined) throw new Error(name);
  return canaryLeaf(path).path;
};

const heldAt = (name: string) => rtdb.rest.get(leafOf(name));

/** The events of the canaries that were last written, as the platform would deliver them. */
const deliver = async (names = NAMES) => {
  for (const name of names) {
    const after = await heldAt(name);
    const time = new Date().toISOString();
    const event = writeOf({ id: `${time} ${name}`, time, ref: leafOf(name).join('/'), after });
    const outcome = await mirrors.get(name)?.mirror(event);
    expect(outcome).toMatchObject({ outcome: 'applied' });
  }
};

const gaps = () =>
  database.query(
    'select path, reason, to_at is null as lasts, detail from mirror.coverage order by id',
  );

const all = (verdict: string) => Object.fromEntries(NAMES.map((name) => [name, verdict]));

test('each path has a canary at one leaf of the reserved shard', () => {
  expect(PATHS.map((path) => canaryLeaf(path).path.join('/'))).toEqual([
    'daily_quests/canary_canary-partner/2000-01-01/completions/canary/canary',
    'lp_awards/canary_canary-partner/canary',
    'quiz_progression/canary_canary-partner',
    'steps_data/canary_canary-partner/days/2000-01-01',
  ]);
});

test('where the day comes first, the couple is the next part', () => {
  const ref = 'moods/{dateKey}/{coupleId}/{moodId}' as const;
  const path = definePath({ name: 'moods', trigger: 'd', ref, day: 'dateKey' });
  expect(canaryLeaf(path)).toEqual({
    path: ['moods', '2000-01-01', 'canary_canary-partner', 'canary'],
    parts: ['2000-01-01', 'canary_canary-partner', 'canary'],
  });
});

test('what Remote Config could not tell is not noted, and canaries fly all the same', async () => {
  await database.query(
    `insert into mirror.coverage (from_at, reason, detail) values (now(), 'flag_off', '{"by": "migrate"}')`,
  );
  await fly({ flag: { ...ON, isSure: false } });
  expect(await gaps()).toMatchObject([{ reason: 'flag_off', lasts: true }]);
  await deliver();
  await fly({ flag: ON });
  expect(await gaps()).toMatchObject([{ reason: 'flag_off', lasts: false }]);
  await deliver();
  await fly({ flag: { ...OFF, isSure: false } });
  expect(told).toEqual(all('arrived'));
  expect(await gaps()).toHaveLength(1);
});

test('canaries that arrive leave no gap, are kept, and the next ones are written', async () => {
  await fly();
  expect(told).toEqual(all('first'));
  const writtenAt = new Date(now);
  await deliver();
  now += 1_000;
  await fly();
  expect(told).toEqual(all('arrived'));
  expect(await heldAt('quest_completions')).toBe(now);
  expect(await heldAt('steps')).toEqual({ written_ms: now });
  expect(await gaps()).toEqual([]);
  const kept = await database.query(
    `select path, written_at, arrived_at is not null as has_arrived,
       abs(lag_ms - extract(epoch from arrived_at - written_at) * 1000) < 1 as is_lag
     from mirror.canaries order by written_at, path`,
  );
  expect(kept).toEqual([
    ...NAMES.toSorted().map((path) => ({
      ...{ path, written_at: writtenAt, has_arrived: true, is_lag: true },
    })),
    ...NAMES.toSorted().map((path) => ({
      ...{ path, written_at: new Date(now), has_arrived: false, is_lag: null },
    })),
  ]);
});

test('a clock that is ten minutes off makes no canary late', async () => {
  now -= 600_000;
  await fly();
  await deliver();
  await fly();
  expect(told).toEqual(all('arrived'));
});

test('a lost canary opens one gap of its path since it was written, and the next that arrives closes it', async () => {
  now -= 2 * PERIOD_MS;
  await fly();
  const lostAt = new Date(now);
  await deliver(NAMES.filter((name) => name !== 'lp_awards'));
  now += PERIOD_MS;
  await fly();
  expect(told.lp_awards).toBe('lost');
  now += PERIOD_MS;
  await fly();
  const open = await database.query(
    `select from_at, to_at, reason from mirror.coverage where path = 'lp_awards'`,
  );
  expect(open).toEqual([{ from_at: lostAt, to_at: null, reason: 'canary_lost' }]);
  await deliver(['lp_awards']);
  await fly({}, [PATHS[1] ?? questCompletions]);
  const lasting = 'select path, detail from mirror.coverage where to_at is null order by path';
  expect(await database.query(lasting)).toEqual(
    // The other paths' second canaries were not delivered.
    ['quest_completions', 'quiz_progression', 'steps'].map((path) => ({
      path,
      detail: { lost: true },
    })),
  );
});

test('canaries whose events are retried for a while are not lost, in whatever order they come', async () => {
  const leaf = leafOf('lp_awards').join('/');
  const late: ReturnType<typeof writeOf>[] = [];
  now -= 4 * PERIOD_MS;
  for (let n = 0; n < 4; n += 1) {
    await fly();
    const time = new Date(now).toISOString();
    late.push(writeOf({ id: time, time, ref: leaf, after: await heldAt('lp_awards') }));
    now += PERIOD_MS;
  }
  const arrived = () =>
    database.query(
      `select from mirror.canaries where path = 'lp_awards' and arrived_at is not null and lag_ms > 0`,
    );
  expect(told.lp_awards).toBe('lost');
  expect(await arrived()).toHaveLength(0);
  for (const event of [3, 0, 2, 1].flatMap((n) => late[n] ?? [])) {
    await mirrors.get('lp_awards')?.mirror(event);
  }
  expect(await arrived()).toHaveLength(4);
});

test('a late canary leaves a gap of its path that is over', async () => {
  now -= 120_000;
  await fly();
  await deliver();
  now += 120_000;
  await fly();
  expect(told).toEqual(all('late'));
  const found = await gaps();
  expect(found).toHaveLength(PATHS.length);
  expect(found).toContainEqual({
    ...{ path: 'steps', reason: 'canary_lost', lasts: false },
    detail: { late: true, lag_ms: expect.any(Number) },
  });
});

test('with the flag off no canary is expected, and the gap lasts until it is on', async () => {
  await fly({ flag: OFF });
  await fly({ flag: OFF });
  expect(told).toEqual(all('disabled'));
  expect(await gaps()).toMatchObject([{ path: null, reason: 'flag_off', lasts: true }]);
  expect(await rtdb.rest.get([])).toBeNull();
  await fly();
  expect(await gaps()).toMatchObject([{ path: null, reason: 'flag_off', lasts: false }]);
});

test('of a path that is off no canary flies, and the others do', async () => {
  const flag: FlagRule = { ...ON, paths: { off: new Set(['lp_awards']), version: 4 } };
  await fly({ flag });
  expect(told).toEqual({ ...all('first'), lp_awards: 'disabled' });
  expect(await heldAt('lp_awards')).toBeNull();
  expect(await gaps()).toEqual([
    {
      ...{ path: 'lp_awards', reason: 'flag_off', lasts: true },
      detail: { by: 'canary', version: 4 },
    },
  ]);
  await fly({ flag: { ...ON, paths: { off: new Set(), version: 5 } } });
  expect(await gaps()).toMatchObject([{ path: 'lp_awards', reason: 'flag_off', lasts: false }]);
  expect(told.lp_awards).toBe('first');
});

test.each([
  ['the flag', OFF],
  ['its path', { ...ON, paths: { off: new Set(NAMES), version: 0 } }],
])('a canary that was written just before %s went off is not lost', async (_what, flag) => {
  now -= 2 * PERIOD_MS;
  await fly();
  now += PERIOD_MS;
  await fly({ flag });
  now += PERIOD_MS;
  await fly();
  expect(told).toEqual(all('disabled'));
  const reasons = await database.query('select distinct reason from mirror.coverage');
  expect(reasons).toEqual([{ reason: 'flag_off' }]);
  await deliver();
  await fly();
  expect(told).toEqual(all('arrived'));
});

test('on for a part of the couples the canaries fly, and the gap lasts', async () => {
  const flag = { ...ON, mode: 'percent' as const, version: 3, detail: { conditions: [] } };
  await fly({ flag });
  await deliver();
  await fly({ flag });
  expect(told).toEqual(all('arrived'));
  expect(await gaps()).toEqual([
    {
      ...{ path: null, reason: 'percent', lasts: true },
      detail: { by: 'canary', conditions: [], version: 3 },
    },
  ]);
});

describe('what fails on one path', () => {
  test('RTDB refuses: the others fly, and the round names it', async () => {
    const refusing = {
      ...context.rtdb,
      write: async (path: readonly string[], value: unknown) => {
        if (path[0] === 'lp_awards') throw new Error('RTDB answered 401');
        await rtdb.rest.set(path, value);
      },
    };
    await expect(fly({ rtdb: refusing })).rejects.toThrow('no canary flew on: lp_awards');
    expect(told).toEqual({ ...all('first'), lp_awards: 'failed' });
    expect(await heldAt('steps')).toEqual({ written_ms: now });
    await deliver(NAMES.filter((name) => name !== 'lp_awards'));
    now += PERIOD_MS;
    await fly();
    // What RTDB never took is not lost on its way.
    expect(told.lp_awards).toBe('first');
    expect(await database.query(`select from mirror.coverage where path = 'lp_awards'`)).toEqual(
      [],
    );
  });

  test('its table is not there: the others fly, and the round names it', async () => {
    const extra = definePath({ name: 'unknown_path', trigger: 'd', ref: 'unknown/{coupleId}' });
    await fly({}, [...PATHS, extra]);
    await deliver();
    await expect(fly({}, [...PATHS, extra])).rejects.toThrow('no canary flew on: unknown_path');
    expect(told).toEqual({ ...all('arrived'), unknown_path: 'failed' });
  });

  test('a document’s canary takes away none that lies inside it', async () => {
    const inside = definePath({
      ...{
        name: 'steps',
        trigger: 'c',
        ref: 'quiz_progression/{coupleId}/days/{dateKey}' as const,
      },
      day: 'dateKey',
    });
    const nested = [inside, PATHS[2] ?? questCompletions];
    await fly({}, nested);
    now += 1_000;
    await fly({}, nested);
    expect(await rtdb.rest.get(['quiz_progression', 'canary_canary-partner'])).toEqual({
      written_ms: now,
      days: { '2000-01-01': { written_ms: now } },
    });
  });

  test('nor hides it, where the inner path is about the document’s own children', async () => {
    const inside = definePath({
      ...{ name: 'lp_awards', trigger: 'a', ref: 'quiz_progression/{coupleId}/{fieldId}' },
    });
    const nested = [inside, PATHS[2] ?? questCompletions];
    await fly({}, nested);
    now += 120_000;
    await fly({}, nested);
    expect(told).toEqual({ lp_awards: 'lost', quiz_progression: 'lost' });
  });
});

test('the login of the functions may do all of it', async () => {
  const name = `canary_${process.pid}`;
  await database.query(`create role ${name} login password 'x' in role quest_mirror_writer`);
  const url = new URL(database.url);
  [url.username, url.password] = [name, 'x'];
  const statements = new Connections(clientConfig(url.href), 2);
  try {
    await fly({ statements });
    await deliver();
    await fly({ statements });
    expect(told).toEqual(all('arrived'));
  } finally {
    await statements.close();
    await database.query(`drop role ${name}`);
  }
});
