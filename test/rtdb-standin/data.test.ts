import fc from 'fast-check';
import { exportJson } from '../../rtdb-standin/data/export-json';
import { importJson } from '../../rtdb-standin/data/import-json';
import { assertValidKey, compareKeys } from '../../rtdb-standin/data/key';
import { childOf, type DataNode, leaf, setAt, type Tree } from '../../rtdb-standin/data/node';
import { deltaBetween, updateBetween } from '../../rtdb-standin/data/node-diff';
import { nodeHash } from '../../rtdb-standin/data/node-hash';
import { SortedChildren } from '../../rtdb-standin/data/sorted-children';

const tree = (json: unknown): Tree =>
  importJson(json, { nowMs: 1_763_553_600_000, existing: null });
const at = (json: unknown, existing: unknown): unknown =>
  exportJson(importJson(json, { nowMs: 1_763_553_600_000, existing: tree(existing) }));

describe('what is written is normalised', () => {
  test.each<[string, unknown, unknown]>([
    ['nulls vanish', { a: 1, b: null }, { a: 1 }],
    ['empty objects vanish, and what only held them', { a: { b: {} }, c: 1 }, { c: 1 }],
    ['an empty array is nothing', [], null],
    ['an array stays one', ['a', 'b'], ['a', 'b']],
    ['integer keys, more than half present, are an array', { 0: 'a', 2: 'c' }, ['a', null, 'c']],
    ['sparse integer keys stay an object', { 5: 'x' }, { 5: 'x' }],
    ['a key that is no index makes an object', { 0: 'a', b: 1 }, { 0: 'a', b: 1 }],
    ['a leading zero is no index', { '00': 'a' }, { '00': 'a' }],
    ['.value is the value', { '.value': 5, '.priority': 1 }, 5],
    ['a timestamp is the commit time', { '.sv': 'timestamp' }, 1_763_553_600_000],
    ['lone surrogates and NUL pass', { note: '\ud83d a\u0000b' }, { note: '\ud83d a\u0000b' }],
    [
      '__proto__ is a key like others',
      JSON.parse('{"__proto__":1}'),
      JSON.parse('{"__proto__":1}'),
    ],
  ])('%s', (_, json, expected) => {
    expect(exportJson(tree(json))).toEqual(expected);
  });

  test.each<[string, unknown, unknown]>([
    ['a number counts up', 4, 6],
    ['absence counts as 0', null, 2],
    ['a string counts as 0', 'x', 2],
  ])('increment: %s', (_, existing, expected) => {
    expect(at({ '.sv': { increment: 2 } }, existing)).toBe(expected);
  });

  test('a priority survives an export with priorities', () => {
    const node = tree({ a: { '.value': 1, '.priority': 'p' } });
    expect(exportJson(node, { withPriorities: true })).toEqual({
      a: { '.value': 1, '.priority': 'p' },
    });
  });
});

describe('keys', () => {
  test('integers come first, numerically, then strings', () => {
    const keys = ['b', '10', '-3', '9', 'a', '2147483648', 'Z', '2', '02'];
    expect([...keys].sort(compareKeys)).toEqual([
      '-3',
      '2',
      '02',
      '9',
      '10',
      '2147483648',
      'Z',
      'a',
      'b',
    ]);
  });

  test.each(['', 'a.b', 'a$', 'a#', 'a[', 'a]', 'a/b', 'a\u0007', 'é'.repeat(385), '\ud83d'])(
    'key %j is refused',
    (key) => {
      expect(() => assertValidKey(key)).toThrow('Invalid data');
    },
  );

  test('768 bytes of UTF-8 are accepted', () => {
    expect(() => assertValidKey('é'.repeat(384))).not.toThrow();
  });

  test('33 levels are refused, 32 are not', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) });
    expect(() => tree(nested(33))).toThrow('deeper than 32');
    expect(tree(nested(32))).not.toBeNull();
  });
});

describe('versions of a tree', () => {
  test('a write leaves the old version and shares what it did not touch', () => {
    const before = tree({ a: { x: 1 }, b: { y: 2 } });
    const after = setAt(before, ['a', 'x'], leaf(3));
    expect(exportJson(before)).toEqual({ a: { x: 1 }, b: { y: 2 } });
    expect(childOf(after, 'b')).toBe(childOf(before, 'b'));
  });

  test('an equal value is no new version, even as a whole tree', () => {
    const before = tree({ a: { x: 1, y: [1, 2] } });
    expect(setAt(before, ['a'], tree({ x: 1, y: [1, 2] }))).toBe(before);
  });

  test('removing the last child removes its ancestors', () => {
    expect(setAt(tree({ a: { b: { c: 1 } } }), ['a', 'b', 'c'], null)).toBeNull();
  });

  test('equal trees have equal hashes however they were made', () => {
    const built = setAt(setAt(null, ['b'], leaf(2)), ['a', 'x'], leaf('1'));
    expect(nodeHash(built)).toBe(nodeHash(tree({ a: { x: '1' }, b: 2 })));
    expect(nodeHash(null)).toBe('');
  });

  test('children behave as a sorted map, whatever is added and removed', () => {
    const step = fc.tuple(fc.integer({ min: 0, max: 300 }).map(String), fc.boolean());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const model = new Map<string, number>();
        let children = SortedChildren.empty<DataNode>();
        for (const [key, remove] of steps) {
          children = remove ? children.without(key) : children.with(key, leaf(key));
          remove ? model.delete(key) : model.set(key, 1);
        }
        const keys = Array.from(children, (entry) => entry.key);
        expect(keys).toEqual([...model.keys()].sort(compareKeys));
        expect(children.size).toBe(model.size);
      }),
      { numRuns: 50 },
    );
  });
});

describe('differences', () => {
  test('one changed leaf is one put at its path', () => {
    const before = tree({ a: { b: 1, c: 2 } });
    expect(updateBetween(before, setAt(before, ['a', 'b'], leaf(5)))).toEqual({
      kind: 'put',
      path: ['a', 'b'],
      data: 5,
    });
  });

  test('several changed children are one merge', () => {
    const before = tree({ a: 1, b: 2, c: 3 });
    expect(updateBetween(before, setAt(before, [], tree({ a: 9, c: 3, d: 4 })))).toEqual({
      kind: 'merge',
      path: [],
      data: { a: 9, b: null, d: 4 },
    });
  });

  test.each<[string, unknown, unknown, unknown]>([
    ['created', null, true, true],
    ['a field added', { a: 1 }, { a: 1, note: 'hi' }, { note: 'hi' }],
    ['deleted', { a: 1 }, null, null],
    ['nested', { a: 1, k: { z: 1 } }, { b: 2 }, { a: null, b: 2, k: null }],
    ['array', null, [1, 2], [1, 2]],
    ['leaf to object', true, { a: 1 }, { a: 1 }],
    ['object to leaf', { a: 1 }, false, false],
    ['same', { a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, undefined],
  ])('delta of %s', (_, before, after, expected) => {
    const old = tree(before);
    expect(deltaBetween(old, setAt(old, [], tree(after)))).toEqual(expected);
  });
});
