import {
  get,
  limitToFirst,
  onValue,
  orderByKey,
  query,
  ref,
  runTransaction,
  set,
  update,
} from '@firebase/database';
import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';
import { Collector } from './support/collector';
import { OWNER, rest } from './support/rest';
import { adminSdk, clientSdk, closeSdks, NAMESPACE, unsignedJwt } from './support/sdk';

const RULES = `{
  "rules": {
    /* A couple's members only; the partner is whoever the couple lists. */
    "daily_quests": {
      "$coupleId": {
        ".read": "auth != null && root.child('couples').child($coupleId).hasChild(auth.uid)",
        "$dateKey": {
          ".validate": "$dateKey.matches(/^\\\\d{4}-\\\\d{2}-\\\\d{2}$/)",
          "completions": {
            "$questId": {
              "$userId": {
                ".write": "auth != null && auth.uid === $userId",
                ".validate": "newData.isBoolean() || newData.isNumber() || newData.hasChildren(['completedAt'])"
              }
            }
          }
        }
      }
    },
    "open": { ".read": true, ".write": true }, // trailing comment with "quotes"
    "write_once": { "$id": { ".read": true, ".write": "!data.exists()" } },
    "own": { "$uid": { ".read": "$uid === auth.uid", ".write": "$uid === auth.uid",
      "age": { ".validate": "newData.isNumber() && newData.val() >= 0" },
      "parent": { ".validate": "newData.parent().child('age').exists()" } } },
    "staff": { ".read": "auth.token.role === 'staff'" },
    "at": { ".write": "newData.val() === now" },
    "list": { ".read": "query.orderByKey && query.limitToFirst <= 10" }
  }
}`;

let standin: RtdbStandin;

beforeAll(async () => {
  standin = await startRtdbStandin();
});

afterAll(async () => {
  await closeSdks();
  await standin.stop();
});

beforeEach(async () => {
  const put = { method: 'PUT', headers: OWNER };
  await rest(standin, '/.settings/rules.json', { ...put, text: RULES });
  const body = { couples: { a_b: { alice: true, bob: true } }, write_once: { x: 1 } };
  await rest(standin, '/.json', { ...put, body });
});

const token = (claims: Record<string, unknown>): string => `auth=${unsignedJwt(claims)}`;
const ALICE = token({ sub: 'alice' });
const MALLORY = token({ sub: 'mallory' });
const STAFF = token({ sub: 's', role: 'staff' });
const leafPath = '/daily_quests/a_b/2025-11-19/completions/q1/alice.json';

type Case = [
  name: string,
  method: string,
  path: string,
  auth: string,
  body: unknown,
  status: number,
];

describe('rules over REST', () => {
  test.each<Case>([
    ['an open read', 'GET', '/open.json', '', undefined, 200],
    ['an open write', 'PUT', '/open/x.json', '', 1, 200],
    ['what no rule allows', 'GET', '/secret.json', ALICE, undefined, 401],
    ['nobody reads a couple', 'GET', '/daily_quests/a_b.json', '', undefined, 401],
    ['a member reads the couple', 'GET', '/daily_quests/a_b.json', ALICE, undefined, 200],
    ['a stranger does not', 'GET', '/daily_quests/a_b.json', MALLORY, undefined, 401],
    ['reading cascades down', 'GET', '/daily_quests/a_b/2025-11-19.json', ALICE, undefined, 200],
    ['reading does not cascade up', 'GET', '/daily_quests.json', ALICE, undefined, 401],
    ["one's own completion", 'PUT', leafPath, ALICE, true, 200],
    ["another's completion", 'PUT', leafPath, MALLORY, true, 401],
    ['an object with its field', 'PUT', leafPath, ALICE, { completedAt: 1 }, 200],
    ['an invalid value', 'PUT', leafPath, ALICE, 'yes', 401],
    ["an ancestor's validation", 'PUT', leafPath.replace('2025-11-19', 'today'), ALICE, true, 401],
    ['a delete is not validated', 'DELETE', leafPath, ALICE, undefined, 200],
    ['a write once', 'PUT', '/write_once/new.json', '', 1, 200],
    ['not twice', 'PUT', '/write_once/x.json', '', 2, 401],
    ['a child is validated', 'PUT', '/own/alice.json', ALICE, { age: -1 }, 401],
    ['and passes', 'PUT', '/own/alice.json', ALICE, { age: 1, parent: 'p' }, 200],
    ['parent() is looked at', 'PUT', '/own/alice.json', ALICE, { parent: 'p' }, 401],
    [
      'each path of a PATCH counts',
      'PATCH',
      '/.json',
      ALICE,
      { 'open/a': 1, 'own/bob/age': 1 },
      401,
    ],
    ['and may all pass', 'PATCH', '/.json', ALICE, { 'open/a': 1, 'own/alice/age': 1 }, 200],
    ['a claim', 'GET', '/staff.json', STAFF, undefined, 200],
    ['without the claim', 'GET', '/staff.json', ALICE, undefined, 401],
    ["the server's time", 'PUT', '/at.json', '', { '.sv': 'timestamp' }, 200],
    [
      'a query that the rule asks for',
      'GET',
      '/list.json?orderBy="$key"&limitToFirst=5',
      '',
      undefined,
      200,
    ],
    ['a query beyond it', 'GET', '/list.json?orderBy="$key"&limitToFirst=50', '', undefined, 401],
    ['the owner', 'GET', '/.json', 'access_token=owner', undefined, 200],
    [
      'the owner as nobody',
      'GET',
      '/.json',
      'access_token=owner&auth_variable_override=null',
      undefined,
      401,
    ],
    [
      'the owner as a member',
      'GET',
      '/daily_quests/a_b.json',
      `access_token=owner&auth_variable_override=${encodeURIComponent('{"uid":"alice"}')}`,
      undefined,
      200,
    ],
  ])('%s', async (_, method, path, auth, body, status) => {
    const target = `${path}${path.includes('?') ? '&' : '?'}${auth}`;
    const answer = await rest(standin, target, { method, body });
    expect(answer.status).toBe(status);
    if (status === 401) {
      expect(answer.body).toEqual({ error: 'Permission denied' });
    }
  });

  test('a refused write leaves the data as they were', async () => {
    await rest(standin, `/.json?${ALICE}`, { method: 'PATCH', body: { 'open/a': 1, 'no/b': 1 } });
    expect((await rest(standin, '/open.json')).body).toBeNull();
  });

  test('rules apply to their namespace only', async () => {
    const response = await fetch(`http://${standin.address}/secret.json?ns=another`);
    expect(response.status).toBe(200);
  });

  test('rules read back as they were written', async () => {
    const url = `http://${standin.address}/.settings/rules.json?ns=${NAMESPACE}`;
    expect(await (await fetch(url, { headers: OWNER })).text()).toBe(RULES);
  });
});

describe("rules for the phones' SDK", () => {
  const leaf = 'daily_quests/a_b/2025-11-19/completions/q1/alice';

  test('a member writes and reads', async () => {
    const db = clientSdk(standin, 'alice');
    await set(ref(db, leaf), true);
    expect((await get(ref(db, leaf))).val()).toBe(true);
  });

  test("a stranger's set, update and transaction are PERMISSION_DENIED", async () => {
    const db = clientSdk(standin, 'mallory');
    const denied = { message: expect.stringContaining('PERMISSION_DENIED') };
    await expect(set(ref(db, leaf), true)).rejects.toMatchObject(denied);
    await expect(update(ref(db), { [leaf]: true })).rejects.toMatchObject(denied);
    const transaction = runTransaction(ref(db, 'own/alice/age'), () => 1);
    await expect(transaction).rejects.toThrow(/permission_denied/i);
  });

  test("a stranger's get and listener are refused", async () => {
    const db = clientSdk(standin, 'mallory');
    await expect(get(ref(db, 'daily_quests/a_b'))).rejects.toThrow('Permission denied');
    const errors = new Collector<Error & { code?: string }>();
    onValue(ref(db, 'daily_quests/a_b'), () => {}, errors.add);
    const [error] = await errors.atLeast(1);
    expect(error?.code).toBe('PERMISSION_DENIED');
  });

  test('nobody is refused, the administrator is not', async () => {
    await expect(set(ref(clientSdk(standin), leaf), true)).rejects.toThrow('PERMISSION_DENIED');
    await adminSdk(standin).ref(leaf).set(true);
  });

  test('firebase-admin with an auth override obeys the rules', async () => {
    await adminSdk(standin, { uid: 'alice' }).ref(leaf).set(true);
    await expect(adminSdk(standin, { uid: 'bob' }).ref(leaf).set(true)).rejects.toThrow(
      'PERMISSION_DENIED',
    );
    await expect(adminSdk(standin, null).ref(leaf).set(true)).rejects.toThrow('PERMISSION_DENIED');
  });

  test('new rules end a listener that they forbid', async () => {
    const errors = new Collector<Error>();
    const values = new Collector<unknown>();
    onValue(ref(clientSdk(standin), 'open'), (snapshot) => values.add(snapshot.val()), errors.add);
    await values.atLeast(1);
    const closed = { rules: { '.read': false } };
    await rest(standin, '/.settings/rules.json', { method: 'PUT', body: closed, headers: OWNER });
    expect(await errors.atLeast(1)).toHaveLength(1);
  });

  test("new rules end a query's listener too, and the connection lives", async () => {
    const db = clientSdk(standin);
    const errors = new Collector<Error>();
    const values = new Collector<unknown>();
    const some = query(ref(db, 'open'), orderByKey(), limitToFirst(1));
    onValue(some, (snapshot) => values.add(snapshot.val()), errors.add);
    await values.atLeast(1);
    const closed = { rules: { open: { '.read': false }, other: { '.read': true } } };
    await rest(standin, '/.settings/rules.json', { method: 'PUT', body: closed, headers: OWNER });
    expect(await errors.atLeast(1)).toHaveLength(1);
    expect((await get(ref(db, 'other'))).val()).toBeNull();
  });
});
