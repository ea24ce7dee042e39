import fc from 'fast-check';
import type { Json, JsonObject } from '../../functions/src/values/json';
import { jsonbText, valueHash } from '../../functions/src/values/jsonb-text';
import { canonicalValue } from '../../functions/src/values/rtdb-value';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { HOSTILE_KEYS } from '../support/rtdb-model';

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

/** What Postgres makes of values that are sent to it as the mirror sends them: in one JSON text. */
const PRINTED = `
  select sent.value::text as text, mirror.value_hash(sent.value) as hash
  from jsonb_array_elements($1::jsonb) with ordinality as sent (value, place)
  order by place`;

async function expectAsPostgres(values: readonly Json[]): Promise<void> {
  const printed = await database.query(PRINTED, [JSON.stringify(values)]);
  const ours = values.map((value) => ({ text: jsonbText(value), hash: valueHash(value) }));
  expect(ours).toEqual(printed);
}

const isStorable = (text: string) => text.isWellFormed() && !text.includes('\0');
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }).filter(isStorable),
  fc.string({ unit: 'grapheme', maxLength: 12 }).filter(isStorable),
);
/** Short ones of one length in bytes or in characters, so that each rule of the order decides. */
const key = fc.oneof(
  fc.constantFrom(...HOSTILE_KEYS),
  text,
  fc.string({
    unit: fc.constantFrom('a', 'b', '~', '\u007f', 'é', 'ß', '€', '\ue000', '\uffff', '💚', '𐀀'),
    maxLength: 4,
  }),
);
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.maxSafeInteger(),
  // Around the places where JSON begins to write exponents.
  fc
    .tuple(fc.integer({ min: 1, max: 99_999 }), fc.integer({ min: -324, max: 303 }))
    .map(([digits, exponent]) => Number(`${digits}e${exponent}`)),
);

const value = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom<Json>(null, true, false),
    number,
    text,
    fc.array(tie('value'), { maxLength: 6 }),
    fc
      .uniqueArray(fc.tuple(key, tie('value')), { selector: ([name]) => name, maxLength: 8 })
      .map((entries) => {
        const object: JsonObject = Object.create(null);
        for (const [name, child] of entries) object[name] = child;
        return object;
      }),
  ),
})).value;

test('any value has the text and the hash that Postgres gives it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 40 }), expectAsPostgres),
    { numRuns: 200 },
  );
});

test('so has any value in the form that RTDB exports', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 40 }), (values) =>
      expectAsPostgres(values.map(canonicalValue)),
    ),
  );
});

test('and every number at the ends of what a double holds, and where its digits change form', () =>
  expectAsPostgres([
    ...[0, -0, 5e-324, -5e-324, 1.7976931348623157e308, -1.7976931348623157e308],
    ...[Number.MAX_SAFE_INTEGER, 2 ** 53, 1e20, 1e21, 123456789012345680000, 1.5e21, -1.5e21],
    ...[1e-6, 1e-7, 1.5e-7, 123e-20, 2.2250738585072014e-308, 0.1, 100, 1e2, 1.25e25],
  ]));

test('and every character that it escapes or leaves alone', () =>
  expectAsPostgres([
    Array.from({ length: 0x2ff }, (_, index) => String.fromCharCode(index + 1)),
    ...['\u2028\u2029', '\ud7ff\ue000\ufeff\uffff', '💚\u{10ffff}', '</script>', '/', '\\u0041'],
  ]));

test('and what JSON can say but RTDB never exports', () =>
  expectAsPostgres([{}, [], [[]], [{}], { a: {} }, { a: [] }, { a: null }, [null], [[null, {}]]]));

test('keys are in order of their bytes: how many, then which', () => {
  const keys = ['b', 'a', '10', '9', 'é', '€', '\uffff', '💚', 'aaaa', '', '__proto__'];
  const object: JsonObject = Object.create(null);
  for (const name of keys) object[name] = 1;
  expect(jsonbText(object)).toBe(
    '{"": 1, "9": 1, "a": 1, "b": 1, "10": 1, "é": 1, "€": 1, "\uffff": 1, ' +
      '"aaaa": 1, "💚": 1, "__proto__": 1}',
  );
});

test('a hash does not depend on the order of keys, and tells a list from a map', () => {
  expect(valueHash({ a: 1, b: 2 })).toBe(valueHash({ b: 2, a: 1 }));
  expect(valueHash(['x'])).not.toBe(valueHash({ 0: 'x' }));
});
