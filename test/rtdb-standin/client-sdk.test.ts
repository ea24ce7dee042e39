import {
  endAt,
  get,
  goOffline,
  goOnline,
  increment,
  limitToLast,
  onChildAdded,
  onDisconnect,
  onValue,
  orderByKey,
  push,
  query,
  ref,
  remove,
  runTransaction,
  serverTimestamp,
  set,
  startAt,
  update,
} from '@firebase/database';
import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';
import { Collector } from './support/collector';
import { adminSdk, clientSdk, closeSdks } from './support/sdk';

let standin: RtdbStandin;

beforeAll(async () => {
  standin = await startRtdbStandin();
});

afterAll(async () => {
  await closeSdks();
  await standin.stop();
});

beforeEach(() => adminSdk(standin).ref().remove());

describe("the phones' SDK", () => {
  test('writes, updates, pushes, removes and reads', async () => {
    const db = clientSdk(standin, 'alice');
    await set(ref(db, 'a'), { b: 1 });
    await update(ref(db), { 'a/c': 2, 'd/e': [1, 2] });
    const pushed = await push(ref(db, 'list'), 'x');
    await remove(ref(db, 'a/b'));
    expect((await get(ref(clientSdk(standin)))).val()).toEqual({
      a: { c: 2 },
      d: { e: [1, 2] },
      list: { [String(pushed.key)]: 'x' },
    });
  });

  test('server values are resolved for everybody', async () => {
    const db = clientSdk(standin, 'alice');
    await set(ref(db, 'v'), { at: serverTimestamp(), n: increment(2) });
    await update(ref(db, 'v'), { n: increment(3) });
    const { at, n } = (await get(ref(clientSdk(standin), 'v'))).val();
    expect(n).toBe(5);
    expect(Math.abs(Date.now() - at)).toBeLessThan(60_000);
  });

  test('the partner sees a completion live', async () => {
    const day = 'daily_quests/alice_bob/2025-11-19/completions';
    const seen = new Collector<unknown>();
    onValue(ref(clientSdk(standin, 'bob'), day), (snapshot) => seen.add(snapshot.val()));
    await seen.atLeast(1);
    await set(ref(clientSdk(standin, 'alice'), `${day}/quest_1_quiz/alice`), true);
    expect((await seen.atLeast(2)).at(-1)).toEqual({ quest_1_quiz: { alice: true } });
  });

  test('a listener does not flicker when its own write is acknowledged', async () => {
    const db = clientSdk(standin, 'alice');
    const seen = new Collector<unknown>();
    onValue(ref(db, 'own'), (snapshot) => seen.add(snapshot.val()));
    await seen.atLeast(1);
    await set(ref(db, 'own'), 1);
    await set(ref(db, 'own'), 2);
    await get(ref(db, 'fence'));
    expect(seen.items).toEqual([null, 1, 2]);
  });

  test('transactions of five phones lose no step', async () => {
    const phones = Array.from({ length: 5 }, (_, i) => clientSdk(standin, `u${i}`));
    await Promise.all(
      phones.map((db) => runTransaction(ref(db, 'points'), (value) => (value ?? 0) + 30)),
    );
    expect((await adminSdk(standin).ref('points').get()).val()).toBe(150);
  });

  test('a range listener gets what enters its range only', async () => {
    const seen = new Collector<string | null>();
    const days = ref(clientSdk(standin), 'days');
    await adminSdk(standin).ref('days').set({ '2025-11-18': 1, '2025-11-19': 1 });
    const window = query(days, orderByKey(), startAt('2025-11-19'), endAt('2025-11-21'));
    onChildAdded(window, (snapshot) => seen.add(snapshot.key));
    await seen.atLeast(1);
    await adminSdk(standin)
      .ref('days')
      .update({ '2025-11-17': 1, '2025-11-20': 1, '2025-11-22': 1 });
    expect(await seen.atLeast(2)).toEqual(['2025-11-19', '2025-11-20']);
  });

  test('two listeners on one node, one of them limited, agree', async () => {
    const db = clientSdk(standin);
    const all = new Collector<unknown>();
    const last = new Collector<unknown>();
    await adminSdk(standin).ref('both').set({ a: 1, b: 2 });
    onValue(query(ref(db, 'both'), limitToLast(1)), (snapshot) => last.add(snapshot.val()));
    onValue(ref(db, 'both'), (snapshot) => all.add(snapshot.val()));
    await Promise.all([all.atLeast(1), last.atLeast(1)]);
    await adminSdk(standin).ref('both/c').set(3);
    expect((await all.atLeast(2)).at(-1)).toEqual({ a: 1, b: 2, c: 3 });
    expect((await last.atLeast(2)).at(-1)).toEqual({ c: 3 });
  });

  test('onDisconnect of several paths runs when the phone goes offline', async () => {
    const db = clientSdk(standin, 'alice');
    const seen = new Collector<unknown>();
    onValue(ref(clientSdk(standin), 'status'), (snapshot) => seen.add(snapshot.val()));
    await seen.atLeast(1);
    await onDisconnect(ref(db, 'status')).update({ 'alice/online': false, last: 'alice' });
    goOffline(db);
    expect((await seen.atLeast(2)).at(-1)).toEqual({ alice: { online: false }, last: 'alice' });
  });

  test('writes made offline arrive once the phone is back', async () => {
    const db = clientSdk(standin, 'alice');
    await get(ref(db, 'x'));
    goOffline(db);
    const written = set(ref(db, 'queued'), 'yes');
    goOnline(db);
    await written;
    expect((await adminSdk(standin).ref('queued').get()).val()).toBe('yes');
  });

  test('the connection and the clock are known', async () => {
    const db = clientSdk(standin);
    const connected = new Collector<unknown>();
    onValue(ref(db, '.info/connected'), (snapshot) => snapshot.val() && connected.add(true));
    await connected.atLeast(1);
    const offset = new Collector<number>();
    onValue(ref(db, '.info/serverTimeOffset'), (snapshot) => offset.add(snapshot.val()));
    expect(Math.abs(Number((await offset.atLeast(1))[0]))).toBeLessThan(5_000);
  });

  test('namespaces do not share data', async () => {
    await set(ref(clientSdk(standin), 'x'), 1);
    const response = await fetch(`http://${standin.address}/x.json?ns=another`);
    expect(await response.json()).toBeNull();
  });
});
