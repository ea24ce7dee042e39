import { ref, set } from '@firebase/database';
import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';
import type { DatabaseEvent } from '../../rtdb-standin/triggers/database-event';
import { Collector } from './support/collector';
import { OWNER, type RestCall, rest } from './support/rest';
import { clientSdk, closeSdks, NAMESPACE, unsignedJwt } from './support/sdk';

const PATTERN = 'daily_quests/{coupleId}/{dateKey}/completions/{questId}/{userId}';
const DAY = 'daily_quests/a_b/2025-11-19';
const QUESTS = { q1: { a: true, b: true }, q2: { a: { completedAt: 1, device: 'ios' } } };

let standin: RtdbStandin;
let events: Collector<DatabaseEvent>;

beforeEach(async () => {
  events = new Collector();
  standin = await startRtdbStandin({
    triggers: [{ refPattern: PATTERN }],
    eventTarget: events.add,
  });
  const body = { [DAY]: { dateKey: '2025-11-19', completions: QUESTS } };
  const seed = { method: 'PATCH', body, headers: OWNER };
  await rest(standin, '/.json?disableTriggers=true', seed);
});

afterEach(async () => {
  await closeSdks();
  await standin.stop();
});

/** Writes, and returns what was sent; a write elsewhere marks the end. */
async function eventsOf(path: string, call: RestCall): Promise<DatabaseEvent[]> {
  await rest(standin, path, { headers: OWNER, ...call });
  const fence = `/daily_quests/z/z/completions/z/z.json`;
  await rest(standin, fence, { method: 'PUT', body: Date.now(), headers: OWNER });
  const before = events.items.length;
  for (let count = Math.max(1, before); ; count += 1) {
    const items = await events.atLeast(count);
    if (items.at(-1)?.ref.endsWith('z/z')) {
      return items.slice(0, -1);
    }
  }
}

const summary = (items: readonly DatabaseEvent[]): unknown =>
  Object.fromEntries(
    items.map(({ ref: path, data }) => [
      path.replace(`${DAY}/completions/`, ''),
      [data.data, data.delta],
    ]),
  );

type Case = [name: string, path: string, call: RestCall, expected: Record<string, unknown>];
const COMPLETIONS = `/${DAY}/completions`;

describe('a write emits', () => {
  test.each<Case>([
    [
      'one event for a new leaf',
      `${COMPLETIONS}/q3/a.json`,
      { method: 'PUT', body: true },
      { 'q3/a': [null, true] },
    ],
    [
      'one for a new object',
      `${COMPLETIONS}/q3/a.json`,
      { method: 'PUT', body: { at: 1 } },
      { 'q3/a': [null, { at: 1 }] },
    ],
    [
      'one for a changed value',
      `${COMPLETIONS}/q1/a.json`,
      { method: 'PUT', body: 5 },
      { 'q1/a': [true, 5] },
    ],
    [
      'one for a deleted leaf',
      `${COMPLETIONS}/q1/a.json`,
      { method: 'DELETE' },
      { 'q1/a': [true, null] },
    ],
    ['none for the same value', `${COMPLETIONS}/q1/a.json`, { method: 'PUT', body: true }, {}],
    ['none for the same object', `${COMPLETIONS}/q2.json`, { method: 'PUT', body: QUESTS.q2 }, {}],
    [
      'none for a priority',
      `${COMPLETIONS}/q1/a/.json`,
      { method: 'PUT', body: { '.value': true, '.priority': 1 } },
      {},
    ],
    ['none beside the pattern', `/${DAY}/progression.json`, { method: 'PUT', body: { x: 1 } }, {}],
    [
      'none where the pattern is not reached',
      `${COMPLETIONS}/q9.json`,
      { method: 'PUT', body: 'text' },
      {},
    ],
    [
      'the changed field of an object, for a write below the leaf',
      `${COMPLETIONS}/q2/a/device.json`,
      { method: 'PUT', body: 'android' },
      { 'q2/a': [QUESTS.q2.a, { device: 'android' }] },
    ],
    [
      'null for a removed field',
      `${COMPLETIONS}/q2/a/device.json`,
      { method: 'DELETE' },
      { 'q2/a': [QUESTS.q2.a, { device: null }] },
    ],
    [
      'a null delta where the last field goes',
      `${COMPLETIONS}/q2/a.json`,
      { method: 'PATCH', body: { completedAt: null, device: null } },
      { 'q2/a': [QUESTS.q2.a, null] },
    ],
    [
      'the whole value where an object becomes a leaf',
      `${COMPLETIONS}/q2/a.json`,
      { method: 'PUT', body: true },
      { 'q2/a': [QUESTS.q2.a, true] },
    ],
    [
      'one event per deleted leaf for an overwrite of an ancestor',
      `/${DAY}.json`,
      { method: 'PUT', body: { dateKey: '2025-11-19' } },
      { 'q1/a': [true, null], 'q1/b': [true, null], 'q2/a': [QUESTS.q2.a, null] },
    ],
    [
      'only what differs, for an overwrite of an ancestor',
      `${COMPLETIONS}.json`,
      { method: 'PUT', body: { ...QUESTS, q1: { a: true, c: 1 } } },
      { 'q1/b': [true, null], 'q1/c': [null, 1] },
    ],
    [
      'one event per leaf for a delete of everything',
      '/.json',
      { method: 'DELETE' },
      { 'q1/a': [true, null], 'q1/b': [true, null], 'q2/a': [QUESTS.q2.a, null] },
    ],
    [
      'one event per leaf for a multi-path update',
      '/.json',
      {
        method: 'PATCH',
        body: {
          [`${DAY}/completions/q1/a`]: null,
          [`${DAY}/completions/q5`]: { a: 1, b: 2 },
          other: 1,
        },
      },
      { 'q1/a': [true, null], 'q5/a': [null, 1], 'q5/b': [null, 2] },
    ],
    [
      'an array as an array',
      `${COMPLETIONS}/q7/a.json`,
      { method: 'PUT', body: ['x', 'y'] },
      { 'q7/a': [null, ['x', 'y']] },
    ],
    [
      'none when triggers are disabled',
      `${COMPLETIONS}/q3/a.json?disableTriggers=true`,
      { method: 'PUT', body: true },
      {},
    ],
  ])('%s', async (_, path, call, expected) => {
    expect(summary(await eventsOf(path, call))).toEqual(expected);
  });

  test('events of one write with one time and distinct ids; later writes are later', async () => {
    const first = [...(await eventsOf(`/${DAY}.json`, { method: 'DELETE' }))];
    expect(new Set(first.map((event) => event.time)).size).toBe(1);
    expect(new Set(first.map((event) => event.id)).size).toBe(3);
    const fence = events.items.at(-1);
    expect(String(fence?.time) > String(first[0]?.time)).toBe(true);
    expect(fence?.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  });

  test('the attributes of a database event', async () => {
    const [event] = await eventsOf(`${COMPLETIONS}/q3/a.json`, { method: 'PUT', body: true });
    const leaf = `${DAY}/completions/q3/a`;
    expect(event).toEqual({
      specversion: '1.0',
      id: expect.any(String),
      type: 'google.firebase.database.ref.v1.written',
      source: `//firebasedatabase.googleapis.com/projects/_/locations/us-central1/instances/${NAMESPACE}`,
      subject: `refs/${leaf}`,
      time: expect.any(String),
      datacontenttype: 'application/json',
      ref: leaf,
      instance: NAMESPACE,
      firebasedatabasehost: 'firebaseio.com',
      location: 'us-central1',
      authtype: 'admin',
      data: {
        '@type': 'type.googleapis.com/google.events.firebase.database.v1.ReferenceEventData',
        data: null,
        delta: true,
      },
    });
  });

  test('who wrote: a phone, nobody, the administrator', async () => {
    const path = `/${DAY}/completions/q8`;
    const auth = unsignedJwt({ sub: 'alice' });
    await set(ref(clientSdk(standin, 'bob'), `${path}/a`), 1);
    await rest(standin, `${path}/b.json?auth=${auth}`, { method: 'PUT', body: 1 });
    await rest(standin, `${path}/c.json`, { method: 'PUT', body: 1 });
    const items = await eventsOf(`${path}/d.json`, { method: 'PUT', body: 1 });
    expect(items.map(({ authtype, authid }) => [authtype, authid])).toEqual([
      ['app_user', 'bob'],
      ['app_user', 'alice'],
      ['unauthenticated', undefined],
      ['admin', undefined],
    ]);
  });
});
