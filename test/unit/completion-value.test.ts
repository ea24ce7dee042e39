import { parseCompletionValue } from '../../functions/src/paths/quest-completions/completion-value';
import { canonicalValue } from '../../functions/src/values/rtdb-value';

const EVENT_TIME = '2025-11-19T12:00:00.123456Z';
const HOUR_MS = 3_600_000;
const EVENT_MS = Date.parse(EVENT_TIME);

describe('a completed value', () => {
  test.each([
    ['true has the time of its event', true, EVENT_TIME],
    ['milliseconds', 1763553600000, '2025-11-19T12:00:00.000000Z'],
    ['object, milliseconds', { completedAt: 1763553600000 }, '2025-11-19T12:00:00.000000Z'],
    [
      'object, ISO text with an offset',
      { completedAt: '2025-11-19T14:00:00.5+02:00', device: 'ios' },
      '2025-11-19T12:00:00.500000Z',
    ],
    [
      'object, ISO text without an offset',
      { completedAt: '2025-11-19T12:00:00.123456' },
      '2025-11-19T12:00:00.123456Z',
    ],
    ['exactly 48 h ahead', EVENT_MS + 48 * HOUR_MS, '2025-11-21T12:00:00.123000Z'],
    ['more than 48 h ahead', EVENT_MS + 48 * HOUR_MS + 1, EVENT_TIME],
    ['a long time ago', 0, EVENT_TIME],
    ['before 1970', -1, EVENT_TIME],
    ['beyond 2^53', 2 ** 53 + 2, EVENT_TIME],
    ['beyond any date', 1e308, EVENT_TIME],
    ['ISO text far ahead', { completedAt: '9999-12-31T23:59:59Z' }, EVENT_TIME],
    ['ISO text far back', { completedAt: '0001-01-01T00:00:00Z' }, EVENT_TIME],
  ])('%s', (_case, value, completedAt) => {
    expect(parseCompletionValue(value, EVENT_TIME)).toEqual({
      ok: true,
      state: { completed: true, completedAt, payload: value },
    });
  });
});

test.each([
  [null, true],
  [undefined, true],
  [{}, true],
  [[], true],
  [{ completedAt: null }, true],
  [false, false],
])('%j is not completed', (value, gone) => {
  expect(parseCompletionValue(value, EVENT_TIME)).toEqual({
    ok: true,
    state: { completed: false, gone },
  });
});

describe('a refused value names its field', () => {
  test.each([
    ['value', 'yes'],
    ['value', ''],
    ['value', [1, 2]],
    ['value.completedAt', { device: 'ios' }],
    ['value.completedAt', { completedAt: true }],
    ['value.completedAt', { completedAt: 'yesterday' }],
    ['value.completedAt', { completedAt: '2025-02-30T00:00:00Z' }],
    ['value.completedAt', { completedAt: { seconds: 1 } }],
    ['value.note', { completedAt: 1, note: 'a\u0000b' }],
    ['value.deep.0.note', { completedAt: 1, deep: [{ note: '\ud83d' }] }],
    ['value.no\\u0000te', { completedAt: 1, 'no\u0000te': true }],
    ['value', '\ude00'],
  ])('%s: %j', (field, value) => {
    expect(parseCompletionValue(value, EVENT_TIME)).toMatchObject({
      ok: false,
      issues: [{ field, message: expect.stringContaining('expected') }],
    });
  });
});

test.each([
  ['a string', 'yes', 'got string'],
  ['a list', [1, 2], 'got array'],
  ['an object without it', { device: 'ios' }, 'got nothing'],
  ['a list in it', { completedAt: [1] }, 'got array'],
  ['a flag in it', { completedAt: true }, 'got boolean'],
])('a complaint about %s tells what came instead', (_case, value, got) => {
  const parsed = parseCompletionValue(value, EVENT_TIME);
  expect(parsed.ok ? [] : parsed.issues).toMatchObject([
    { message: expect.stringMatching(`^expected .*; ${got}$`) },
  ]);
});

describe('canonicalValue', () => {
  test.each([
    ['an object with all places filled is a list', { 0: 'a', 1: 'b' }, ['a', 'b']],
    ['a list stays one', ['a', 'b'], ['a', 'b']],
    ['a list of one', { 0: 'a' }, ['a']],
    ['a list of twelve', Array(12).fill('a'), Array(12).fill('a')],
    ['a list with half of its places filled', { 0: 'a', 3: 'd' }, ['a', null, null, 'd']],
    ['fewer places filled than half', { 0: 'a', 4: 'e' }, { 0: 'a', 4: 'e' }],
    ['what is no number to JSON', { a: Number.POSITIVE_INFINITY }, { a: 'Infinity' }],
    ['what no reader gives', { a: () => 1, b: undefined, c: 1 }, { c: 1 }],
    ['a list with few places filled is an object', [null, null, null, 'x'], { 3: 'x' }],
    ['a list with a hole', { 0: 'a', 2: 'c' }, ['a', null, 'c']],
    ['empty children vanish', { a: {}, b: [], c: { d: null }, e: 1 }, { e: 1 }],
    ['nothing is null', { a: { b: {} } }, null],
    ['a key like 01 is text', { '01': 1 }, { '01': 1 }],
  ])('%s', (_case, value, expected) => {
    expect(canonicalValue(value)).toEqual(expected);
  });

  test('keeps a key named __proto__', () => {
    const value = canonicalValue(JSON.parse('{"__proto__": {"a": 1}}'));
    expect(JSON.stringify(value)).toBe('{"__proto__":{"a":1}}');
  });
});
