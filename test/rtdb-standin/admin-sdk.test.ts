import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';
import { Collector } from './support/collector';
import { type AdminDb, adminSdk, closeSdks, NAMESPACE, ServerValue } from './support/sdk';

let standin: RtdbStandin;
let db: AdminDb;

beforeAll(async () => {
  standin = await startRtdbStandin();
  db = adminSdk(standin);
});

afterAll(async () => {
  await closeSdks();
  await standin.stop();
});

beforeEach(() => db.ref().remove());

const valueAt = async (path: string): Promise<unknown> => (await db.ref(path).get()).val();

describe('firebase-admin writes and reads', () => {
  test.each<[string, unknown]>([
    ['a boolean', true],
    ['a fraction', -0.1],
    ['a big number', 1_763_553_600_000],
    ['text beyond ASCII', 'zażółć 🎉'],
    ['lone surrogates', '\ud83d'],
    ['NUL', 'a\u0000b'],
    ['an object', { a: { b: 1 } }],
    ['an array', [1, { a: 2 }]],
  ])('set and get %s', async (_, value) => {
    await db.ref('value').set(value);
    expect(await valueAt('value')).toEqual(value);
  });

  test('update writes several paths at once', async () => {
    await db.ref('m').set({ a: 1, keep: true });
    await db.ref().update({ 'm/a': 2, 'm/b/c': 3, 'n/x': 4 });
    expect(await valueAt('/')).toEqual({ m: { a: 2, b: { c: 3 }, keep: true }, n: { x: 4 } });
  });

  test('update removes where the value is null', async () => {
    await db.ref('m').set({ a: 1, b: 2 });
    await db.ref('m').update({ a: null });
    expect(await valueAt('m')).toEqual({ b: 2 });
  });

  test('remove deletes the subtree', async () => {
    await db.ref('a/b/c').set(1);
    await db.ref('a').remove();
    expect((await db.ref().get()).exists()).toBe(false);
  });

  test('push keeps the order of its calls', async () => {
    for (const value of [1, 2, 3]) {
      await db.ref('list').push(value);
    }
    expect(Object.values((await valueAt('list')) as object)).toEqual([1, 2, 3]);
  });

  test('once reads a value', async () => {
    await db.ref('a').set({ x: 1 });
    expect((await db.ref('a').once('value')).val()).toEqual({ x: 1 });
  });

  test('a value listener sees each change', async () => {
    const seen = new Collector<unknown>();
    const listener = db.ref('live').on('value', (snapshot) => seen.add(snapshot.val()));
    await seen.atLeast(1);
    await db.ref('live/a').set(1);
    await db.ref('live/b').set(2);
    expect((await seen.atLeast(3)).slice(0, 3)).toEqual([null, { a: 1 }, { a: 1, b: 2 }]);
    db.ref('live').off('value', listener);
  });

  test('another client hears of a change, and not after it stopped listening', async () => {
    const other = adminSdk(standin);
    const seen = new Collector<unknown>();
    const listener = other.ref('live').on('value', (snapshot) => seen.add(snapshot.val()));
    await seen.atLeast(1);
    await db.ref('live').set({ a: { b: 1 } });
    await db.ref('live/a/b').set(2);
    await seen.atLeast(3);
    other.ref('live').off('value', listener);
    await db.ref('live/a/b').set(3);
    await other.ref('elsewhere').get();
    expect(seen.items).toEqual([null, { a: { b: 1 } }, { a: { b: 2 } }]);
  });

  test('child listeners hear of added, changed and removed children', async () => {
    const other = adminSdk(standin);
    const seen = new Collector<string>();
    await db.ref('kids').set({ a: 1, b: 2 });
    const ref = other.ref('kids');
    ref.on('child_added', (child) => seen.add(`+${child.key}`));
    ref.on('child_changed', (child) => seen.add(`~${child.key}`));
    ref.on('child_removed', (child) => seen.add(`-${child.key}`));
    await seen.atLeast(2);
    await db.ref('kids').update({ a: 9, b: null, c: 3 });
    expect([...(await seen.atLeast(5))].sort()).toEqual(['+a', '+b', '+c', '-b', '~a']);
    ref.off();
  });

  test('a transaction counts up from nothing and from something', async () => {
    const increment = (value: number | null): number => (value ?? 0) + 1;
    expect((await db.ref('n').transaction(increment)).snapshot.val()).toBe(1);
    expect((await db.ref('n').transaction(increment)).snapshot.val()).toBe(2);
  });

  test('transactions of two clients on one value lose no step', async () => {
    const other = adminSdk(standin);
    const increment = (value: number | null): number => (value ?? 0) + 1;
    await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        (i % 2 ? db : other).ref('contended').transaction(increment),
      ),
    );
    expect(await valueAt('contended')).toBe(10);
  });

  test.each<[string, unknown]>([
    ['fractions', { a: 0.1, b: -1.5e-10, c: 1e21, d: 0 }],
    ['texts and arrays', { t: 'zażółć 🎉', list: [true, 'x', { y: 1 }] }],
    ['integer-like keys', { 10: 'a', 9: 'b', x: { 1: 1 } }],
  ])('a transaction over %s agrees on the hash', async (_, value) => {
    await db.ref('hashed').set(value);
    const other = adminSdk(standin);
    const { committed } = await other.ref('hashed').transaction((old) => ({ ...old, done: true }));
    expect(committed).toBe(true);
    expect((await db.ref('hashed/done').get()).val()).toBe(true);
  });

  test('an aborted transaction writes nothing', async () => {
    await db.ref('n').set(1);
    const { committed } = await db.ref('n').transaction(() => undefined);
    expect(committed).toBe(false);
  });

  test('a server timestamp is the time of the write', async () => {
    const from = Date.now();
    await db.ref('t').set(ServerValue.TIMESTAMP);
    const written = Number(await valueAt('t'));
    expect(written).toBeGreaterThanOrEqual(from);
    expect(written).toBeLessThanOrEqual(Date.now() + 1);
  });

  test('increment adds on the server', async () => {
    await db.ref('n').set(5);
    await db.ref().update({ n: ServerValue.increment(2), fresh: ServerValue.increment(3) });
    expect(await valueAt('/')).toEqual({ n: 7, fresh: 3 });
  });

  test('priorities order children', async () => {
    await db
      .ref('p')
      .set({ a: { '.value': 1, '.priority': 2 }, b: { '.value': 2, '.priority': 1 } });
    await db.ref('p/c').setWithPriority(3, 0);
    await db.ref('p/a').setPriority(-1, () => {});
    const keys: (string | null)[] = [];
    (await db.ref('p').orderByPriority().once('value')).forEach((child) => {
      keys.push(child.key);
    });
    expect(keys).toEqual(['a', 'c', 'b']);
  });

  // The SDK itself cuts surrogate pairs at its frames' ends when it sends, hence text within the BMP.
  test('a value of 1 MB and a key of 760 bytes come back whole', async () => {
    const key = 'ż'.repeat(380);
    const value = 'é'.repeat(500_000);
    await db.ref('big').child(key).set(value);
    const read = await adminSdk(standin).ref('big').child(key).get();
    expect(read.val() === value).toBe(true);
  });

  test('1 MB of surrogate pairs reaches the SDK whole, wherever frames end', async () => {
    for (const start of ['', 'x']) {
      const value = start + '🎉'.repeat(250_000);
      await fetch(`http://${standin.address}/pairs.json?ns=${NAMESPACE}`, {
        method: 'PUT',
        body: JSON.stringify(value),
      });
      expect((await adminSdk(standin).ref('pairs').get()).val() === value).toBe(true);
    }
  });

  test('a token as long as a push token is a key', async () => {
    const key = `fK3x_9dTQm-1aB:APA91b${'Hq7_Zr-2'.repeat(17)}`;
    await db.ref(`daily_quests/${key}`).set(true);
    expect(await valueAt('daily_quests')).toEqual({ [key]: true });
  });

  test('onDisconnect writes when the client goes', async () => {
    const leaving = adminSdk(standin);
    const seen = new Collector<unknown>();
    db.ref('presence').on('value', (snapshot) => seen.add(snapshot.val()));
    await leaving.ref('presence/me').set('here');
    await leaving.ref('presence/me').onDisconnect().set('gone');
    await leaving.ref('presence/cancelled').onDisconnect().set('gone');
    await leaving.ref('presence/cancelled').onDisconnect().cancel();
    leaving.goOffline();
    expect((await seen.atLeast(3)).at(-1)).toEqual({ me: 'gone' });
    db.ref('presence').off();
  });
});
