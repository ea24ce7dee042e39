import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import type { Json } from '../../functions/src/values/json';
import { isSameValue } from '../../functions/src/values/rtdb-value';

/** Few and small, so that two of them are often alike, or nearly. */
const value = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Json>(null, true, false, 0, -0, 1, '', 'x', '0'),
    fc.array(tie('value'), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom('a', 'b', '0'), tie('value'), { maxKeys: 2 }),
  ),
})).value;

/** JSON has one zero and no prototypes; deep equality passes over the order of keys. */
const plain = (json: Json): unknown => JSON.parse(JSON.stringify(json));

test('two values are the same if JSON says so, whatever the order of keys', () => {
  fc.assert(
    fc.property(value, value, (a, b) => {
      expect(isSameValue(a, b)).toBe(isDeepStrictEqual(plain(a), plain(b)));
    }),
    { numRuns: 1_000 },
  );
});

test('a value is the same as its copy with the keys turned round', () => {
  const turned = (json: Json): Json => {
    if (Array.isArray(json)) return json.map(turned);
    if (typeof json !== 'object' || json === null) return json;
    const entries = Object.entries(json).map(([key, child]) => [key, turned(child)] as const);
    return Object.assign(Object.create(null), Object.fromEntries(entries.reverse()));
  };
  fc.assert(fc.property(value, (a) => isSameValue(a, turned(a))));
});

test.each<[Json, Json]>([
  [['x'], { 0: 'x' }],
  [[], {}],
  [['x'], { length: 1 }],
  [{ a: null }, { b: null }],
  [[null], [null, null]],
  [{ a: 1 }, { a: 1, b: null }],
  [null, {}],
  [{}, null],
  ['', []],
])('%j is another value than %j', (a, b) => {
  expect(isSameValue(a, b)).toBe(false);
  expect(isSameValue(b, a)).toBe(false);
});
