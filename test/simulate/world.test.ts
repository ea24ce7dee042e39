import { partnerOf } from '../../functions/src/paths/quest-completions/completion-path';
import type { WorldAction } from '../../simulate/couple-day';
import { FAULTS, fateOf } from '../../simulate/faults';
import { valueAfter } from '../../simulate/ledger';
import { seededRandom } from '../../simulate/seeded-random';
import { worldOf } from '../../simulate/world';

const OPTIONS = { couples: 60, today: '2026-11-23', days: 1, seed: 7, strayClaimRate: 0 };

const countAt = (actions: readonly WorldAction[], from: number, to: number) =>
  actions.filter(({ minute }) => minute >= from * 60 && minute < to * 60).length;

describe('the world', () => {
  const actions = worldOf(OPTIONS);

  test('is the same for a seed, and another for another', () => {
    expect(worldOf(OPTIONS)).toEqual(actions);
    expect(worldOf({ ...OPTIONS, seed: 8 })).not.toEqual(actions);
  });

  test('has the same couples however many there are, and whatever claims are made up', () => {
    const more = worldOf({ ...OPTIONS, couples: 61, strayClaimRate: 1 });
    // As text: arrayContaining() compares each with each.
    const known = new Set(more.map((action) => JSON.stringify(action)));
    expect(actions.filter((action) => !known.has(JSON.stringify(action)))).toEqual([]);
    expect(more.length).toBeGreaterThan(actions.length + 60);
  });

  test('is in order of time, and peaks in the morning and in the evening', () => {
    const minutes = actions.map(({ minute }) => minute);
    expect(minutes).toEqual([...minutes].sort((a, b) => a - b));
    const morning = countAt(actions, 7, 10);
    const noon = countAt(actions, 12, 15);
    const evening = countAt(actions, 19, 22);
    expect(Math.min(morning, evening)).toBeGreaterThan(noon * 3);
  });

  test('has both partners complete, undo, complete again, overwrite days and go', () => {
    const writes = actions.flatMap((action) => (action.kind === 'write' ? [action] : []));
    const leaves = writes.filter(({ path }) => path.length === 6);
    const byLeaf = Map.groupBy(leaves, ({ path }) => path.join('/'));
    const histories = [...byLeaf.values()].map((group) => group.map(({ value }) => value));
    expect(histories).toContainEqual([true, null]);
    expect(histories).toContainEqual([true, false]);
    expect(histories).toContainEqual([true, null, true]);
    expect(histories).toContainEqual([true, { completedAt: expect.anything(), device: 'ios' }]);
    const days = Map.groupBy(
      writes.filter(({ path }) => path.length === 3),
      ({ path }) => path.join('/'),
    );
    expect([...days.values()].filter((group) => group.length === 2)).toHaveLength(3);
    expect(writes.filter(({ by }) => by === null)).toHaveLength(2);
    const users = new Set(leaves.map(({ path }) => path[5]));
    expect(users.size).toBe(120);
  });

  test('has users that belong to their couples, push tokens among them', () => {
    const users = new Map<string, string>();
    for (const action of actions) {
      if (action.kind === 'write' && action.by) users.set(action.by, action.path[1] ?? '');
    }
    for (const [user, couple] of users) expect(partnerOf(couple, user)).not.toBeNull();
    expect([...users.keys()].filter((user) => user.length > 150)).toHaveLength(3);
  });

  test('has no old phone claim what was written after its account went', () => {
    const gone = actions.flatMap((action) =>
      action.kind === 'write' && action.by === null ? [action] : [],
    );
    for (const { path, minute } of gone) {
      const later = actions.filter(
        (action) =>
          action.minute > minute &&
          (action.kind === 'claim' ? action.leaf.coupleId : action.path[1]) === path[1],
      );
      expect(later).toEqual([]);
    }
  });
});

test('a fault befalls the same events whatever other faults there are', () => {
  const draws = (faults: readonly (typeof FAULTS)[number][]) => {
    const random = seededRandom(3);
    const plan = { faults: new Set(faults), rate: 0.3 };
    return Array.from({ length: 200 }, () => fateOf(plan, random));
  };
  const all = draws(FAULTS);
  expect(draws(['drop']).map(({ isDropped }) => isDropped)).toEqual(
    all.map(({ isDropped }) => isDropped),
  );
  expect(draws(['delay']).map(({ delayMs }) => delayMs)).toEqual(all.map(({ delayMs }) => delayMs));
  expect(draws([]).every(({ isDropped, isOvertaken }) => !isDropped && !isOvertaken)).toBe(true);
});

test.each([
  [null, true, true],
  [true, null, null],
  [{ a: 1, b: { c: 2 } }, { b: { c: null, d: 3 } }, { a: 1, b: { d: 3 } }],
  [{ a: 1 }, { a: null }, {}],
  [5, { a: 1 }, { a: 1 }],
])('the value %j changed by %j is %j', (before, delta, after) => {
  expect(valueAfter(before, delta)).toEqual(after);
});
