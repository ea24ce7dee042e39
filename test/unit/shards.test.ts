import fc from 'fast-check';
import { couplesOfRange, shardsOf } from '../../functions/src/completions-only/reconcile/shards';
import { compareUtf8 } from '../../functions/src/values/utf8-order';

test.each([
  ['plain ids', 'x'.repeat(320)],
  ['ids that JSON escapes', '"\\'.repeat(160)],
  ['ids of four bytes a character', '\u{1f600}'.repeat(80)],
])('the task of a shard stays below 100 KB in base64: %s', (_name, tail) => {
  const couples = Array.from({ length: 2_000 }, (_, n) => `${String(n).padStart(4, '0')}${tail}`);
  const shards = shardsOf(couples);
  expect(shards.flatMap((shard) => shard.couples)).toEqual(couples);
  const sizes = shards.map((shard) => Buffer.from(JSON.stringify(shard)).toString('base64').length);
  expect(Math.max(...sizes)).toBeLessThan(100_000);
});

const couple = fc.string({ unit: fc.constantFrom('a', 'b', '\uffee', '😀'), minLength: 1 });
const sorted = fc.uniqueArray(couple).map((list) => list.sort(compareUtf8));

test('whatever couple there is lies in one shard, and a listed one in the shard that lists it', () => {
  fc.assert(
    fc.property(sorted, fc.integer({ min: 1, max: 4 }), couple, (couples, maxCouples, stranger) => {
      const shards = shardsOf(couples, maxCouples);
      expect(shards.flatMap((shard) => shard.couples)).toEqual(couples);
      for (const shard of shards) {
        expect(shard.couples.length).toBeLessThanOrEqual(maxCouples);
        expect(couplesOfRange(couples, shard.range, compareUtf8)).toEqual(shard.couples);
      }
      const holding = shards.filter(
        ({ range }) => couplesOfRange([stranger], range, compareUtf8).length > 0,
      );
      expect(holding).toHaveLength(1);
      expect(shards[0]?.range.after).toBeNull();
      expect(shards.at(-1)?.range.upTo).toBeNull();
    }),
  );
});

test('a shard is as full as it may be', () => {
  const few = Array.from({ length: 501 }, (_, n) => `c${String(n).padStart(4, '0')}`);
  expect(shardsOf(few).map(({ couples }) => couples.length)).toEqual([250, 250, 1]);
  // 59,999 bytes with quotes and commas, then one byte more than 60,000.
  const long = (length: number) => ['x'.repeat(29_997), 'y'.repeat(length)];
  expect(shardsOf(long(29_997)).map(({ couples }) => couples.length)).toEqual([2]);
  expect(shardsOf(long(29_998)).map(({ couples }) => couples.length)).toEqual([1, 1]);
  expect(shardsOf(['x'.repeat(70_000)])).toHaveLength(1);
  expect(shardsOf([])).toEqual([{ range: { after: null, upTo: null }, couples: [] }]);
});
