import fc from 'fast-check';
import type { CompletionRow } from '../../functions/src/completions-only/postgres/completion-rows';
import { compareSides } from '../../functions/src/completions-only/reconcile/compare-sides';
import type { Leaf } from '../../functions/src/completions-only/reconcile/leaves-of-couple';
import { DisorderError } from '../../functions/src/completions-only/reconcile/merge-sorted';
import { compareKeys } from '../../functions/src/paths/quest-completions/completion-path';

type Side = number | false | null;

/** Each quest: what RTDB shows (false = not completed), and Postgres (false = a tombstone). */
const quest = fc.record({
  leaf: fc.constantFrom<Side>(null, false, 1, 2),
  row: fc.constantFrom<Side>(null, false, 1, 2),
});
const keyOf = (n: number) => ({
  coupleId: 'ann_bob',
  dateKey: '2026-11-22',
  questId: `q${String(n).padStart(3, '0')}`,
  userId: 'ann',
});

function sidesOf(quests: readonly { leaf: Side; row: Side }[]) {
  const leaves = quests.flatMap(({ leaf }, n): Leaf[] => {
    if (leaf === null) return [];
    if (leaf === false) return [{ key: keyOf(n), reading: { completed: false, gone: false } }];
    return [{ key: keyOf(n), reading: { completed: true, completedAt: '', payload: leaf } }];
  });
  const rows = quests.flatMap(({ row }, n): CompletionRow[] => {
    if (row === null) return [];
    return [{ key: keyOf(n), payload: row === false ? null : row, isTombstone: row === false }];
  });
  return { leaves, rows };
}

const kindOf = ({ leaf, row }: { leaf: Side; row: Side }) => {
  if (!leaf) return row ? 'missing_in_rtdb' : 'absent';
  if (!row) return 'missing_in_postgres';
  return leaf === row ? 'matched' : 'value_mismatch';
};

test('every key that either side shows is matched, or a difference with both sides of it', () => {
  fc.assert(
    fc.property(fc.array(quest), (quests) => {
      const { leaves, rows } = sidesOf(quests);
      const { matched, differences } = compareSides(leaves, rows);
      const kinds = quests.map(kindOf);
      expect(matched).toBe(kinds.filter((kind) => kind === 'matched').length);
      const readingOf = (n: number) =>
        leaves.find(({ key }) => compareKeys(key, keyOf(n)) === 0)?.reading ?? null;
      const rowOf = (n: number) => {
        const row = rows.find(({ key }) => compareKeys(key, keyOf(n)) === 0);
        return row ? { payload: row.payload, isTombstone: row.isTombstone } : null;
      };
      expect(differences).toEqual(
        kinds.flatMap((kind, n) =>
          kind === 'matched' || kind === 'absent'
            ? []
            : [{ key: keyOf(n), kind, leaf: readingOf(n), row: rowOf(n) }],
        ),
      );
    }),
  );
});

test('a side out of order is named with its place', () => {
  const { leaves } = sidesOf([
    { leaf: 1, row: null },
    { leaf: 2, row: null },
  ]);
  expect(() => compareSides(leaves.reverse(), [])).toThrow(
    new DisorderError(
      'left side: daily_quests/ann_bob/2026-11-22/completions/q000/ann came after ' +
        'daily_quests/ann_bob/2026-11-22/completions/q001/ann',
    ),
  );
});
