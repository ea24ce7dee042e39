import fc from 'fast-check';
import { eachTwiceInAnyOrder } from './support/any-order';
import { leafDifferences, rowDifferences } from './support/differences';
import { expectedRows, keyColumns } from './support/expected-rows';

const REF = 'steps_data/{coupleId}/days/{dateKey}';
const TREE = {
  steps_data: {
    a_b: {
      connections: { a: true },
      days: { '2025-11-19': { goal: 1, users: { a: [1, 2] } }, '2025-11-20': { goal: 2 } },
    },
    _c: { days: { '2025-11-19': { goal: 3 } } },
    odd: 'no couple',
    odder: { days: true },
  },
  pairing_codes: { a_b: { days: { '2025-11-19': { goal: 4 } } } },
};
const rowOf = (couple_id: string, date_key: string, payload: object) => ({
  ...{ couple_id, date_key },
  payload: JSON.parse(JSON.stringify(payload)),
});
const ROWS = [
  rowOf('_c', '2025-11-19', { goal: 3 }),
  rowOf('a_b', '2025-11-20', { goal: 2 }),
  rowOf('a_b', '2025-11-19', { users: { a: [1, 2] }, goal: 1 }),
];
const differences = (rows: typeof ROWS) =>
  rowDifferences(rows, expectedRows(TREE, REF), keyColumns(REF));

describe('what a table must hold', () => {
  test('a row for each place that fits the pattern, in any order', () => {
    expect(differences(ROWS)).toEqual([]);
    expect(keyColumns('quiz_progression/{coupleId}')).toEqual(['couple_id']);
  });

  test('where a branch is a list, its places are keys', () => {
    const key = (quest_id: string) => ({ key: { quest_id }, value: true });
    expect(expectedRows({ day: [true, null, true] }, 'day/{questId}')).toEqual([
      key('0'),
      key('2'),
    ]);
  });

  test.each<[string, typeof ROWS, string[]]>([
    ['a row that lacks', ROWS.slice(1), ['lacks _c/2025-11-19']],
    [
      'a row too many',
      [...ROWS, rowOf('d_e', '2025-11-19', {})],
      ["holds d_e/2025-11-19, which RTDB doesn't"],
    ],
    ['a row twice', [...ROWS, ...ROWS.slice(0, 1)], ['1 rows too many with a key that is there']],
    [
      'leaves that differ, lack, and are too many',
      [...ROWS.slice(0, 2), rowOf('a_b', '2025-11-19', { goal: '1', users: { a: [1] }, more: 0 })],
      [
        'a_b/2025-11-19/goal: "1", not 1',
        'a_b/2025-11-19/users/a/1: null, not 2',
        'a_b/2025-11-19/more: 0, not null',
      ],
    ],
  ])('tells of %s', (_, rows, lines) => {
    expect(differences(rows)).toEqual(lines);
  });

  test('a list and a map of the same are two values', () => {
    expect(leafDifferences({ a: [1, 2] }, { a: { '0': 1, '1': 2 } })).toEqual([
      'a: [1,2], not {"0":1,"1":2}',
    ]);
  });
});

test('any order holds each item twice', () => {
  const items = [1, 2, 3, 4, 5];
  const seen = new Set<string>();
  fc.assert(
    fc.property(eachTwiceInAnyOrder(items), (order) => {
      seen.add(String(order));
      expect(order.toSorted()).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    }),
  );
  expect(seen.size).toBeGreaterThan(50);
});
