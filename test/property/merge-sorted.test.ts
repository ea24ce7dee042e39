import fc from 'fast-check';
import {
  DisorderError,
  mergeSorted,
} from '../../functions/src/completions-only/reconcile/merge-sorted';
import {
  type CompletionKey,
  compareKeys,
} from '../../functions/src/paths/quest-completions/completion-path';
import { compareUtf8 } from '../../functions/src/values/utf8-order';

/** Few letters, so that keys meet; some beyond U+FFFF, where UTF-16 orders otherwise. */
const text = fc.string({
  unit: fc.constantFrom('a', '_', '\ud7a3', '\ue000', '\uffee', '😀'),
  maxLength: 3,
});
const key = fc.record<CompletionKey>({
  coupleId: text,
  dateKey: fc.constantFrom('2026-11-21', '2026-11-22'),
  questId: text,
  userId: text,
});
const nameOf = (item: CompletionKey) => Object.values(item).join('/');
/** So few keys that most stand on both sides. */
const shortText = fc.constantFrom('a', '\uffee', '😀');
const fewKeys = fc.record<CompletionKey>({
  coupleId: shortText,
  dateKey: fc.constantFrom('2026-11-21', '2026-11-22'),
  questId: shortText,
  userId: fc.constantFrom('a', '_'),
});
const side = fc
  .uniqueArray(fc.oneof(key, { arbitrary: fewKeys, weight: 3 }), { selector: nameOf })
  .map((keys) => keys.sort((a, b) => compareKeys(a, b)));

test('text is ordered by its UTF-8 bytes', () => {
  const anyText = fc.string({ unit: 'grapheme' });
  const pair = fc.oneof(fc.tuple(anyText, anyText), fc.tuple(text, text));
  fc.assert(
    fc.property(pair, ([a, b]) => {
      expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
    { numRuns: 2_000 },
  );
});

test('every key of either side comes once, in order, and with what both sides hold', () => {
  fc.assert(
    fc.property(side, side, (lefts, rights) => {
      const pairs = [...mergeSorted(lefts, rights, compareKeys, nameOf)];
      const names = pairs.map(({ left, right }) => nameOf((left ?? right) as CompletionKey));
      const expected = new Map([...lefts, ...rights].map((item) => [nameOf(item), item]));
      const sorted = [...expected.values()].sort((a, b) => compareKeys(a, b));
      expect(names).toEqual(sorted.map(nameOf));
      expect(pairs.flatMap(({ left }) => left ?? [])).toEqual(lefts);
      expect(pairs.flatMap(({ right }) => right ?? [])).toEqual(rights);
    }),
  );
});

test('a side out of order, or with a key twice, is refused', () => {
  fc.assert(
    fc.property(side, side, fc.nat(), fc.boolean(), (sorted, other, at, isLeft) => {
      fc.pre(sorted.length > 0);
      const place = at % sorted.length;
      const broken = [...sorted.slice(0, place + 1), ...sorted.slice(place)];
      const merge = isLeft
        ? mergeSorted(broken, other, compareKeys, nameOf)
        : mergeSorted(other, broken, compareKeys, nameOf);
      expect(() => [...merge]).toThrow(DisorderError);
      expect(() => [
        ...mergeSorted([...sorted, sorted[0] as CompletionKey], [], compareKeys, nameOf),
      ]).toThrow(DisorderError);
    }),
  );
});

test.each([
  [['b', 'a'], [], 'left side: a came after b'],
  [[], ['a', 'c', 'c'], 'right side: c came after c'],
])('%j beside %j: %s', (left, right, message) => {
  const merge = mergeSorted(left, right, compareUtf8, (item: string) => item);
  expect(() => [...merge]).toThrow(new DisorderError(message));
});

test('holds one item of each side at a time', () => {
  let read = 0;
  function* endless() {
    for (;;) {
      read += 1;
      yield read;
    }
  }
  const merge = mergeSorted(
    endless(),
    [3],
    (a: number, b: number) => a - b,
    (item) => String(item),
  );
  expect([merge.next().value, merge.next().value, merge.next().value]).toEqual([
    { left: 1, right: null },
    { left: 2, right: null },
    { left: 3, right: 3 },
  ]);
  expect(read).toBeLessThanOrEqual(4);
});
