import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';
import type { DatabaseEvent } from '../../rtdb-standin/triggers/database-event';
import { Collector } from './support/collector';
import { rest } from './support/rest';

let standin: RtdbStandin;

beforeEach(async () => {
  standin = await startRtdbStandin();
});

afterEach(() => standin.stop());

describe('triggers choose', () => {
  test.each<[string, string, string[]]>([
    ['created', 'google.firebase.database.ref.v1.created', ['n']],
    ['updated', 'google.firebase.database.ref.v1.updated', ['u']],
    ['deleted', 'google.firebase.database.ref.v1.deleted', ['d']],
    ['written', 'google.firebase.database.ref.v1.written', ['d', 'n', 'u']],
  ])('%s', async (_, eventType, expected) => {
    const seen = new Collector<DatabaseEvent>();
    await rest(standin, '/kinds.json', { method: 'PUT', body: { u: 1, d: 1, same: 1 } });
    standin.addTrigger({ refPattern: 'kinds/{id}', eventType, eventTarget: seen.add });
    await rest(standin, '/kinds.json', { method: 'PUT', body: { u: 2, n: 1, same: 1 } });
    const items = await seen.atLeast(expected.length);
    await standin.eventsDelivered();
    expect(items.map((event) => event.ref.slice('kinds/'.length)).sort()).toEqual(expected);
    expect(new Set(items.map((event) => event.type))).toEqual(new Set([eventType]));
  });

  test.each<[string, string, boolean]>([
    ['*', 'any-db', true],
    ['{instance}', 'any-db', true],
    ['demo-*', 'demo-x', true],
    ['demo-*', 'other', false],
    ['one', 'one', true],
    ['one', 'one-more', false],
  ])('instances by pattern %s: %s is %s', async (instancePattern, ns, expected) => {
    const seen = new Collector<string>();
    const both = (name: string) => (event: DatabaseEvent) => seen.add(`${name} ${event.instance}`);
    standin.addTrigger({ refPattern: 'x', instancePattern, eventTarget: both('tested') });
    standin.addTrigger({ refPattern: 'x', eventTarget: both('any') });
    await fetch(`http://${standin.address}/x.json?ns=${ns}`, { method: 'PUT', body: '1' });
    const items = await seen.atLeast(expected ? 2 : 1);
    expect([...items].sort()).toEqual(expected ? [`any ${ns}`, `tested ${ns}`] : [`any ${ns}`]);
  });

  test('references by wildcards within a segment', async () => {
    const seen = new Collector<string>();
    standin.addTrigger({
      refPattern: 'a/quest_*/{user=u-*}',
      eventTarget: (event) => seen.add(event.ref),
    });
    const body = { quest_1: { 'u-1': 1, x: 1 }, other: { 'u-1': 1 }, quest_2: { 'u-2': 1 } };
    await rest(standin, '/a.json', { method: 'PUT', body });
    expect(await seen.atLeast(2)).toEqual(['a/quest_1/u-1', 'a/quest_2/u-2']);
  });

  test.each<[string, string, unknown, string[]]>([
    ['m/{path=**}', '/m/a/b.json', { c: 1 }, ['m/a/b/c']],
    ['m/{path=**}', '/m/a.json', { b: 1, c: 2 }, ['m/a']],
    ['m/{path=**}', '/m.json', 'leaf', ['m']],
    ['m/{path=**}', '/elsewhere.json', 1, []],
    [
      '{path=**}/end',
      '/.json',
      { a: { end: 1 }, b: { c: { end: 2, other: 3 } }, end: 4 },
      ['a/end', 'b/c/end', 'end'],
    ],
    [
      'm/**/x/{id}',
      '/m.json',
      { a: { b: { x: { p: 1, q: 2 } } }, x: { r: 3 } },
      ['m/a/b/x/p', 'm/a/b/x/q', 'm/x/r'],
    ],
  ])(
    'references over several segments: %s, a write of %s',
    async (refPattern, path, body, refs) => {
      const seen = new Collector<string>();
      standin.addTrigger({ refPattern, eventTarget: (event) => seen.add(event.ref) });
      await rest(standin, path, { method: 'PUT', body });
      await standin.eventsDelivered();
      expect([...seen.items].sort()).toEqual(refs);
    },
  );

  test.each(['a/{rest=**}/{more=**}', 'a/b**'])('the pattern %s is refused', (refPattern) => {
    const trigger = { refPattern, eventTarget: () => {} };
    expect(() => standin.addTrigger(trigger)).toThrow('**');
  });

  test('an injected clock dates the events', async () => {
    const seen = new Collector<DatabaseEvent>();
    const frozen = await startRtdbStandin({
      now: () => Date.UTC(2025, 10, 19, 12),
      triggers: [{ refPattern: 'x/{y}', eventTarget: seen.add }],
    });
    await rest(frozen, '/x/a.json', { method: 'PUT', body: { '.sv': 'timestamp' } });
    await rest(frozen, '/x/b.json', { method: 'PUT', body: 1 });
    const times = (await seen.atLeast(2)).map((event) => event.time);
    await frozen.stop();
    expect(times).toEqual(['2025-11-19T12:00:00.000000Z', '2025-11-19T12:00:00.000001Z']);
    expect(seen.items[0]?.data.delta).toBe(Date.UTC(2025, 10, 19, 12));
  });
});
