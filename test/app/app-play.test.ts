import { canonicalValue, changedValue } from '../../functions/src/values/rtdb-value';
import { closeSdks } from '../rtdb-standin/support/sdk';
import type { JsonValue } from '../support/cloud-event';
import { APP_PATHS, appFixture, NEVER_MIRRORED } from './support/app-fixtures';
import { leafDifferences, rowDifferences } from './support/differences';
import { expectedRows, keyColumns } from './support/expected-rows';
import { type AppPlay, type CapturedEvent, playApp } from './support/play-app';
import { stampedLeaves } from './support/server-times';

const FIXTURE = appFixture();
/** By path: the writes that emit events for it, as often as they do; and the rows there are before and after. */
const EVENTS: Record<string, { writes: number[]; before: number; after: number }> = {
  quest_completions: {
    // 53 and 55 are erased by the sets of the day in 54 and 56; 58 removes a day of three.
    writes: [8, 11, 17, 19, 21, 22, 24, 26, 45, 46, 47, 51, 52, 53, 54, 55, 56, 57, 58, 58, 58],
    before: 20,
    after: 31,
  },
  daily_quests: { writes: [6, 43, 44, 50, 54, 56, 58], before: 7, after: 11 },
  quiz_progression: { writes: [35, 49], before: 4, after: 5 },
  quiz_sessions: { writes: [2, 3, 4, 7, 10, 12, 16, 18, 20], before: 7, after: 10 },
  you_or_me_sessions: { writes: [5, 23, 25, 27, 42], before: 4, after: 6 },
  lp_awards: { writes: [13, 14, 15, 28, 60, 60], before: 6, after: 7 },
  memory_puzzles: { writes: [29, 30, 31, 32, 33, 34, 48], before: 2, after: 3 },
  steps: {
    writes: [
      ...[61, 62, 63, 64, 65, 67, 68, 69, 70, 71, 72],
      ...[73, 74, 75, 76, 77, 79, 80, 81, 82, 83, 84, 84],
    ],
    before: 6,
    after: 9,
  },
};

let play: AppPlay;

beforeAll(async () => {
  play = await playApp(FIXTURE, APP_PATHS);
});

afterAll(async () => {
  await closeSdks();
  await play.stop();
});

const eventsOf = (path: string): CapturedEvent[] => play.events.filter(({ name }) => name === path);

test("the app's writes end in the fixture's state, server times included", () => {
  expect(leafDifferences(play.tree, FIXTURE.after)).toEqual([]);
  // The clock follows what these became: were there none, it would show nothing.
  const stamped = stampedLeaves(FIXTURE).map(({ n }) => n);
  expect(stamped).toEqual([1, 6, 43, 44, 50, 54, 56, 61, 63, 69, 71, 72, 73, 75, 76, 79, 81]);
});

describe.each(APP_PATHS)('the events of $name', ({ name, ref }) => {
  test('come from the writes that change it, and from no other', () => {
    const expected = EVENTS[name];
    const events = eventsOf(name);
    expect(events.filter(({ n }) => n > 0).map(({ n }) => n)).toEqual(expected?.writes);
    expect(events.filter(({ n }) => n === 0)).toHaveLength(expected?.before ?? 0);
    expect(expectedRows(FIXTURE.before, ref)).toHaveLength(expected?.before ?? 0);
    expect(expectedRows(FIXTURE.after, ref)).toHaveLength(expected?.after ?? 0);
  });

  test("laid one upon another make RTDB's values", () => {
    const columns = keyColumns(ref);
    const values = new Map<string, JsonValue>();
    for (const { event } of eventsOf(name)) {
      const { data, delta } = event.data;
      expect(canonicalValue(data)).toEqual(values.get(event.ref) ?? null);
      values.set(event.ref, canonicalValue(changedValue(data, delta)));
    }
    const rows = [...values]
      .filter(([, payload]) => payload !== null)
      .map(([place, payload]) => ({ ...keyOf(place, ref), payload }));
    expect(rowDifferences(rows, expectedRows(FIXTURE.after, ref), columns)).toEqual([]);
  });

  test('of one write have one time, and later writes are later', () => {
    const times = new Map<number, Set<string>>();
    for (const { n, event } of eventsOf(name)) {
      times.set(n, (times.get(n) ?? new Set()).add(event.time));
    }
    const inOrder = [...times.values()].flatMap((ofWrite) => [...ofWrite]);
    expect(inOrder).toHaveLength(times.size);
    expect(inOrder).toEqual(inOrder.toSorted());
  });
});

test('who wrote: phones sign in as nobody, so only an administrator is told apart', () => {
  const admins = FIXTURE.writes.filter(({ auth }) => auth === 'admin').map(({ n }) => n);
  for (const { n, event } of play.events) {
    const isAdmin = n === 0 || admins.includes(n);
    expect([n, event.authtype]).toEqual([n, isAdmin ? 'admin' : 'unauthenticated']);
  }
});

test('nothing of what must never be mirrored is in an event', () => {
  const roots = FIXTURE.writes.map(({ path }) => path.split('/')[0]);
  expect(roots).toEqual(expect.arrayContaining([...NEVER_MIRRORED]));
  const texts = play.events.map(({ event }) => JSON.stringify(event));
  for (const root of NEVER_MIRRORED)
    expect(texts.filter((text) => text.includes(root))).toEqual([]);
  const tokens = JSON.stringify(FIXTURE).match(/e\dFAKE_[\w:-]+/g) ?? [];
  expect(tokens.length).toBeGreaterThan(2);
  for (const token of tokens) expect(texts.filter((text) => text.includes(token))).toEqual([]);
});

test("a document's list that RTDB made of a map's keys is a list in the event as well", () => {
  const hours = eventsOf('steps')
    .filter(({ n }) => [63, 64, 65].includes(n))
    .map(({ event }) => event.data.delta);
  const user = 'ida-dev-user-00000000-0000-0000-0000-000000000011';
  expect(hours).toMatchObject([
    { users: { [user]: { hourly: { '8': 2708 } } } },
    { users: { [user]: { hourly: { '9': 640, '14': 305 } } } },
    { users: { [user]: { hourly: { '15': 540 } } } },
  ]);
  const before = eventsOf('steps').find(({ n }) => n === 65)?.event.data.data;
  const listed = [...new Array(7).fill(null), 412, 2708, 640, 120, 90, 1480, 830, 305];
  expect(before).toMatchObject({ users: { [user]: { hourly: listed } } });
});

function keyOf(place: string, ref: string): Record<string, string> {
  const keys = place.split('/').filter((_, index) => ref.split('/')[index]?.startsWith('{'));
  return Object.fromEntries(keyColumns(ref).map((column, index) => [column, keys[index] ?? '']));
}
