import { NEVER_MIRROR, PATHS } from '../../functions/src/app-paths';
import { TREES_CHECK, treesCheck } from '../../functions/src/cli/doctor/trees-check';
import { rtdbSource } from '../../functions/src/new-path/rtdb-source';
import { findUnmirrored } from '../../functions/src/new-path/unmirrored';
import { definePath } from '../../functions/src/paths/define-path';
import type { RtdbAccess } from '../../functions/src/rtdb/rtdb-client';
import { appFixture } from '../app/support/app-fixtures';
import { type Fault, type FaultyRtdb, startFaultyRtdb } from '../support/faulty-rtdb';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

const NAMESPACE = 'demo-quests-default-rtdb';
const COUPLE = 'alice_bob';

let rtdb: StandinTree;
let proxy: FaultyRtdb;
let options: RtdbAccess;

beforeAll(async () => {
  rtdb = await startStandinTree();
  proxy = await startFaultyRtdb(rtdb.standin.address);
  options = {
    database: { origin: `http://${proxy.address}`, namespace: NAMESPACE, instance: NAMESPACE },
    accessToken: async () => 'owner',
    firstPauseMs: 5,
  };
});

beforeEach(async () => {
  proxy.fault = () => null;
  await rtdb.rest.set([], appFixture().after);
});

afterAll(async () => {
  await Promise.all([proxy.stop(), rtdb.standin.stop()]);
});

const declared = () => ({ paths: PATHS, neverMirror: NEVER_MIRROR });
const examine = () => TREES_CHECK.run({ rtdb: options, declared });
const unmirrored = () => findUnmirrored(PATHS, NEVER_MIRROR, rtdbSource(options));

test('of the app’s trees each is mirrored, ignored or excluded', async () => {
  expect(await examine()).toMatchObject({ status: 'ok' });
});

test('a root tree and a sibling that nobody mirrors are named, and nothing that they hold', async () => {
  await rtdb.rest.set(['chat_messages', COUPLE], { m1: { text: 'secret words' } });
  await rtdb.rest.set(['daily_quests', COUPLE, '2025-11-19'], { completions: {}, mood: 'glad' });
  const found = await examine();
  expect(found).toEqual({
    status: 'warn',
    finding: 'nobody mirrors chat_messages, daily_quests/{coupleId}/{dateKey}/mood',
    advice: expect.stringMatching(/new-path 'tree\/\{…\}'.*NEVER_MIRROR.*`ignored`/),
  });
});

test.each<[string, (path: string) => Fault | null]>([
  ['with limits', () => null],
  [
    'without, as the documentation has it',
    (path) => (/limitTo/.test(path) ? { status: 400 } : null),
  ],
])('a sibling that only the newest days have is found: shallow %s', async (_name, fault) => {
  proxy.fault = fault;
  const days = Array.from({ length: 60 }, (_, n) => {
    const day = new Date(Date.UTC(2025, 8, 1 + n)).toISOString().slice(0, 10);
    return [day, n < 58 ? { quests: [1] } : { quests: [1], streak: n }];
  });
  await rtdb.rest.set(['daily_quests', COUPLE], Object.fromEntries(days));
  expect((await unmirrored()).siblings).toEqual([
    { below: 'daily_quests/{coupleId}/{dateKey}', key: 'streak' },
  ]);
});

test('it takes a bounded number of small requests, however much RTDB holds', async () => {
  const day = { quests: [1], completions: { q: { a: true } } };
  const days = Object.fromEntries([1, 2, 3, 4, 5, 6].map((n) => [`2025-11-0${n}`, day]));
  const couples = Array.from({ length: 200 }, (_, n) => [`c${n}_d`, days]);
  await rtdb.rest.set(['daily_quests'], Object.fromEntries(couples));
  const before = proxy.count();
  await unmirrored();
  expect(proxy.count() - before).toBeLessThan(60);
});

describe('what a declaration covers', () => {
  const path = (ref: string, ignored: string[] = []) =>
    definePath<string, string, string>({
      name: 'a',
      trigger: 'mirrorA',
      ref,
      columns: {},
      ignored,
    });
  const found = async (tree: object, paths: ReturnType<typeof path>[], never: string[] = []) => {
    await rtdb.rest.set([], tree);
    const { trees, siblings } = await findUnmirrored(paths, never, rtdbSource(options));
    return [...trees, ...siblings.map(({ below, key }) => `${below}/${key}`)];
  };
  const TREE = { users: { u1: { profile: { name: 1 }, token: 't', theme: 'dark' } } };

  test.each<[string, string[], string[], string[]]>([
    ['a document, all below it', ['users/{userId}'], [], []],
    ['a literal, not its siblings', ['users/{id}/profile'], [], ['token', 'theme']],
    [
      'a tree below the root, what neverMirror names',
      ['users/{id}/profile'],
      ['users/{x}/token'],
      ['theme'],
    ],
    [
      'a sibling, by another path',
      ['users/{id}/profile', 'users/{user}/theme/{any}'],
      [],
      ['token'],
    ],
    ['a sibling, by a part beside it', ['users/{id}/profile', 'users/{id}/{any}/{more}'], [], []],
  ])('%s', async (_name, refs, never, keys) => {
    const paths = refs.map((ref) => path(ref));
    expect(await found(TREE, paths, never)).toEqual(keys.map((key) => `users/{id}/${key}`).sort());
  });

  test('siblings that it ignores, but no tree of the root', async () => {
    const tree = { ...TREE, token: 1 };
    expect(await found(tree, [path('users/{id}/profile', ['token', 'theme'])])).toEqual(['token']);
  });

  test('keys beside a literal above the shard', async () => {
    const tree = { apps: { quests: { c: { a: 1 } }, shop: { x: 1 } } };
    expect(await found(tree, [path('apps/quests/{coupleId}')])).toEqual(['apps/shop']);
  });

  test('nothing where neverMirror reaches into a tree that nobody declares', async () => {
    expect(await found(TREE, [], ['users/{x}/token'])).toEqual(['users']);
    expect(await found(TREE, [], ['users'])).toEqual([]);
  });
});

test('names are cut, and fit for a terminal; many are counted', () => {
  const trees = ['\u001b[2J', 'x'.repeat(700), ...Array.from({ length: 30 }, (_, n) => `t${n}`)];
  const { finding } = treesCheck({ trees, siblings: [], unread: [] });
  expect(finding).toMatch(/^nobody mirrors \\u001b\[2J, x{60}…, t0, .*, t17 and 12 more$/);
});

test('a path whose nodes can’t be listed hides no tree of the root', async () => {
  proxy.fault = (path) => (path.startsWith('/steps_data') ? { status: 403 } : null);
  const unread = /; below steps_data\/\{coupleId\} it could not look: RTDB answered 403/;
  expect(await examine()).toMatchObject({
    status: 'skipped',
    finding: expect.stringMatching(unread),
  });
  await rtdb.rest.set(['chat_messages', COUPLE], { m1: 1 });
  const { status, finding } = await examine();
  expect([status, finding]).toEqual(['warn', expect.stringMatching(unread)]);
  expect(finding).toMatch(/^nobody mirrors chat_messages; below/);
});

test('an RTDB that doesn’t let it look is skipped, with RTDB’s words', async () => {
  proxy.fault = (path) => (path.startsWith('/.json') ? { status: 403 } : null);
  expect(await examine()).toEqual({
    status: 'skipped',
    finding: expect.stringContaining('RTDB answered 403'),
  });
  expect(
    await TREES_CHECK.run({ rtdb: { problem: 'RTDB_INSTANCE is not set' }, declared }),
  ).toEqual({
    status: 'skipped',
    finding: 'RTDB_INSTANCE is not set',
  });
});
