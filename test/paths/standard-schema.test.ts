import { runInNewContext } from 'node:vm';
import { z } from 'zod';
import { definePath } from '../../functions/src/paths/define-path';
import { issuesOf, type StandardSchema } from '../../functions/src/paths/standard-schema';
import { isStorable } from '../../functions/src/values/storable';

const schemaOf = (validate: (value: unknown) => unknown) =>
  ({ '~standard': { version: 1, vendor: 'test', validate } }) as StandardSchema;

test('a schema of zod is taken as it is, and its complaints name the fields', () => {
  const schema = z.object({ amount: z.int(), users: z.array(z.string()) });
  expect(issuesOf(schema, { amount: 1, users: ['a'], more: true })).toEqual([]);
  const fields = (value: Parameters<typeof issuesOf>[1]) =>
    issuesOf(schema, value).map(({ field }) => field);
  expect(fields({ amount: 1.5, users: ['a', 2] })).toEqual(['value.amount', 'value.users.1']);
  expect(fields('text')).toEqual(['value']);
});

test('a path with one refuses what it refuses, and nothing more', () => {
  const path = definePath({
    ...{ name: 'awards', trigger: 'mirrorAward', ref: 'awards/{id}' },
    value: z.object({ amount: z.int() }),
  });
  const parse = (value: unknown) => path.parseValue(value, null, '2025-11-20T00:00:00.000000Z');
  expect(parse({ amount: 1 })).toMatchObject({ ok: true, state: { payload: { amount: 1 } } });
  expect(parse({ amount: 'x' })).toMatchObject({ ok: false, issues: [{ field: 'value.amount' }] });
  // What isn't there is not the schema's matter.
  expect(parse(null)).toMatchObject({ ok: true, state: { payload: null, gone: true } });
});

test.each<[string, (value: unknown) => unknown]>([
  ['that throws', () => JSON.parse('{')],
  ['that answers nothing', () => undefined],
  ['that answers null', () => null],
  ['whose issues are no list', () => ({ issues: 5 })],
  ['whose issue is null', () => ({ issues: [null] })],
])('a schema %s refuses every value, and throws nothing', (_name, validate) => {
  expect(issuesOf(schemaOf(validate), true)).toEqual([
    { field: 'value', message: 'expected a schema that does not throw' },
  ]);
});

test.each<[string, () => unknown]>([
  ['async', async () => ({ value: true })],
  ['async, and fails', () => Promise.reject(new Error('too late'))],
  ['async, and not of this realm', () => runInNewContext('Promise.reject(1)')],
])('a schema that is %s refuses every value', async (_name, validate) => {
  expect(issuesOf(schemaOf(validate), true)).toEqual([
    { field: 'value', message: 'expected a schema that answers at once' },
  ]);
  // An unhandled rejection would end the process, and the test with it.
  await new Promise(setImmediate);
});

test('steps of an issue may be objects, numbers and symbols', () => {
  const path = ['a', 0, { key: 'b' }, Symbol('c')];
  const schema = schemaOf(() => ({ issues: [{ message: 'no', path }] }));
  expect(issuesOf(schema, true)).toEqual([
    { field: 'value.a.0.b.Symbol(c)', message: 'no', mayQuote: true },
  ]);
});

test.each<[string, unknown]>([
  ['half of an emoji', 'received "\ud83d'],
  ['U+0000', 'received "a\u0000b"'],
  ['no text', 5n],
  ['nothing', undefined],
  ['megabytes', 'x'.repeat(2_000_000)],
])('a complaint with %s can be kept, and is short', (_name, message) => {
  const [issue] = issuesOf(
    schemaOf(() => ({ issues: [{ message, path: ['\udc9a'] }] })),
    true,
  );
  expect(isStorable(`${issue?.field}${issue?.message}`)).toBe(true);
  expect(JSON.stringify(issue).length).toBeLessThan(1_000);
});

test('of many complaints a few are kept', () => {
  const issues = Array.from({ length: 50_000 }, (_, n) => ({ message: 'no', path: [n] }));
  expect(
    issuesOf(
      schemaOf(() => ({ issues })),
      true,
    ),
  ).toHaveLength(16);
});
