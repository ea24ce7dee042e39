import { shardsOf } from '../../functions/src/reconcile/shards';

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
