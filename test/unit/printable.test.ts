import fc from 'fast-check';
import { typeName } from '../../functions/src/values/json';
import { printable, printableValue } from '../../functions/src/values/printable';

test.each([
  ['a control', 'a\u001b[2Jb', 'a\\u001b[2Jb'],
  ['a line end', 'a\nb', 'a\\u000ab'],
  ['a bidi override', 'a\u202eb', 'a\\u202eb'],
  ['half a character', 'a\ud83db', 'a\\ud83db'],
  ['a format beyond U+FFFF', 'a\u{e0001}b', 'a\\u{e0001}b'],
  ['what people read', 'Zoë 😀 ❤', 'Zoë 😀 ❤'],
])('%s in text from outside', (_case, text, shown) => {
  expect(printable(text)).toBe(shown);
});

test('whatever came, one line of visible characters is shown, and told apart', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '\n', '\u200d', '\ud83d', '\u{e0001}') });
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(printable(a)).toMatch(/^[\x20-\x7e]*$/);
      expect(printable(a) === printable(b)).toBe(a === b);
    }),
  );
});

test.each([
  ['a value is JSON', { a: ['b', 1] }, '{"a":["b",1]}'],
  ['nothing is null', undefined, 'null'],
  ['what JSON escapes by itself', '\n', '"\\n"'],
  ['what JSON leaves', '\u202e', '"\\u202e"'],
])('%s', (_case, value, shown) => {
  expect(printableValue(value)).toBe(shown);
});

test('a long value is cut, and its length told', () => {
  expect(printableValue('12345678', 10)).toBe('"12345678"');
  expect(printableValue('123456789', 10)).toBe('"123456789… (11 chars)');
});

test.each([
  [null, 'null'],
  [[], 'array'],
  [{}, 'object'],
  ['', 'string'],
  [undefined, 'undefined'],
])('%j is called %s', (value, name) => {
  expect(typeName(value)).toBe(name);
});
