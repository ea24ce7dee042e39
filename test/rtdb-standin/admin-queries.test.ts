import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';
import { Collector } from './support/collector';
import { type AdminDb, adminSdk, closeSdks, NAMESPACE } from './support/sdk';

const RULES = `{"rules": {".read": true, ".write": true,
  "days": {".indexOn": ["n", "done"]}, "mixed": {".indexOn": ".value"}}}`;

let standin: RtdbStandin;
let db: AdminDb;

beforeAll(async () => {
  standin = await startRtdbStandin({ rules: { [NAMESPACE]: RULES } });
  db = adminSdk(standin);
});

afterAll(async () => {
  await closeSdks();
  await standin.stop();
});

beforeEach(() => db.ref().remove());

describe('queries of firebase-admin', () => {
  const days = {
    '2025-11-18': { n: 3, done: true },
    '2025-11-19': { n: 1, done: false },
    '2025-11-20': { n: 2 },
  };
  type Query = ReturnType<AdminDb['ref']>;

  test.each<[string, (ref: Query) => ReturnType<Query['orderByKey']>, string[]]>([
    ['orderByKey, startAt', (ref) => ref.orderByKey().startAt('2025-11-19'), ['19', '20']],
    ['orderByKey, startAfter', (ref) => ref.orderByKey().startAfter('2025-11-19'), ['20']],
    ['orderByKey, endAt', (ref) => ref.orderByKey().endAt('2025-11-19'), ['18', '19']],
    ['orderByKey, endBefore', (ref) => ref.orderByKey().endBefore('2025-11-19'), ['18']],
    ['orderByKey, equalTo', (ref) => ref.orderByKey().equalTo('2025-11-19'), ['19']],
    ['orderByKey, limitToFirst', (ref) => ref.orderByKey().limitToFirst(2), ['18', '19']],
    ['orderByKey, limitToLast', (ref) => ref.orderByKey().limitToLast(2), ['19', '20']],
    ['orderByChild', (ref) => ref.orderByChild('n'), ['19', '20', '18']],
    ['orderByChild, startAt', (ref) => ref.orderByChild('n').startAt(2), ['20', '18']],
    ['orderByChild, startAfter', (ref) => ref.orderByChild('n').startAfter(2), ['18']],
    ['orderByChild, endBefore', (ref) => ref.orderByChild('n').endBefore(2), ['19']],
    ['orderByChild, absent first', (ref) => ref.orderByChild('done').limitToFirst(1), ['20']],
    ['orderByChild, equalTo', (ref) => ref.orderByChild('done').equalTo(true), ['18']],
    ['orderByChild, limitToLast', (ref) => ref.orderByChild('n').limitToLast(1), ['18']],
  ])('%s', async (_, build, expected) => {
    await db.ref('days').set(days);
    const reader = adminSdk(standin);
    const keys: string[] = [];
    (await build(reader.ref('days')).once('value')).forEach((child) => {
      keys.push(String(child.key).slice(-2));
    });
    expect(keys).toEqual(expected);
    const got = (await build(reader.ref('days')).get()).val();
    expect(
      Object.keys(got as object)
        .map((key) => key.slice(-2))
        .sort(),
    ).toEqual([...expected].sort());
  });

  test('orderByValue orders primitives by type', async () => {
    await db.ref('mixed').set({ a: 'x', b: 2, c: true, d: false, e: { f: 1 }, g: 1 });
    const keys: (string | null)[] = [];
    (await db.ref('mixed').orderByValue().once('value')).forEach((child) => {
      keys.push(child.key);
    });
    expect(keys).toEqual(['d', 'c', 'g', 'b', 'a', 'e']);
  });

  test('a limited listener follows its window', async () => {
    const writer = adminSdk(standin);
    await writer.ref('window').set({ a: 1, b: 2, c: 3 });
    const seen = new Collector<unknown>();
    const query = db.ref('window').orderByKey().limitToLast(2);
    query.on('value', (snapshot) => seen.add(snapshot.val()));
    await seen.atLeast(1);
    await writer.ref('window/d').set(4);
    await writer.ref('window/a').set(9);
    await writer.ref('window/c').set({ deep: 1 });
    await writer.ref('window/c/deep').set(2);
    await writer.ref('window/d').remove();
    await writer.ref('window').remove();
    await db.ref('fence').get();
    const distinct = seen.items.filter(
      (value, i) => JSON.stringify(value) !== JSON.stringify(seen.items[i - 1]),
    );
    expect(distinct).toEqual(
      expect.arrayContaining([
        { b: 2, c: 3 },
        { c: 3, d: 4 },
        { c: { deep: 1 }, d: 4 },
        { c: { deep: 2 }, d: 4 },
        { b: 2, c: { deep: 2 } },
        null,
      ]),
    );
    query.off();
  });
});
