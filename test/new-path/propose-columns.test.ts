import { nameOfLiterals, triggerOf } from '../../functions/src/new-path/path-names';
import { proposeColumns } from '../../functions/src/new-path/propose-columns';
import {
  exportedTree,
  samplePath,
  type TreeSource,
} from '../../functions/src/new-path/sample-tree';
import { stepsOfRef } from '../../functions/src/paths/ref-pattern';

const MS = Date.parse('2026-11-20T06:01:00Z');

test.each<[string, unknown[], [string, string] | string]>([
  ['text', ['a', 'b'], ['field', 'text']],
  ['whole', [1, -(2 ** 31)], ['field', 'integer']],
  ['large', [1, 3e9], ['field', 'bigint']],
  ['milliseconds without a name that says so', [MS], ['field', 'bigint']],
  ['broken', [1, 0.5], ['field', 'double precision']],
  ['beyond what JavaScript holds exactly', [1, 2 ** 60], ['field', 'double precision']],
  ['yes and no', [true, false], ['field', 'boolean']],
  [
    'a time with a zone',
    ['2026-11-20T06:01:00Z', '2026-11-20 06:01:00+02:00'],
    ['field', 'timestamp with time zone'],
  ],
  ['a local time', ['2026-11-20T06:01:00.123'], ['field_local', 'text']],
  [
    'times with and without a zone',
    ['2026-11-20T06:01:00Z', '2026-11-20T06:01:00'],
    ['field', 'text'],
  ],
  ['a date', ['2026-11-20'], ['field', 'text']],
  ['text and number', ['a', 1], 'of several types: text, whole'],
  ['a list', [['a']], 'a list'],
  ['a map at times', ['a', { b: 1 }], 'a map or text'],
])('a field that is %s', (_, values, expected) => {
  const { columns, leftOut } = proposeColumns(
    values.map((field) => ({ field })),
    [],
  );
  if (typeof expected === 'string') expect(leftOut).toEqual([{ field: 'field', why: expected }]);
  else expect(columns).toEqual([{ column: expected[0], type: expected[1], field: 'field' }]);
});

test.each(['completedAt', 'timestamp', 'lastSync', 'created_at', 'date'])(
  'milliseconds called %s are an instant, unless one is out of a sane range',
  (field) => {
    const typesOf = (values: unknown[]) =>
      proposeColumns(
        values.map((value) => ({ [field]: value })),
        [],
      ).columns.map(({ type }) => type);
    expect(typesOf([MS, '2026-11-20T06:01:00Z'])).toEqual(['timestamp with time zone']);
    expect(typesOf([MS, 0])).toEqual(['bigint']);
  },
);

test('names that no column can have are left out, and said', () => {
  const odd = { payload: 1, coupleId: 'a', fooBar: 1, foo_bar: 2, é: 1, '0': 1, 'first-name': 'a' };
  const document = { ...odd, ['x'.repeat(31)]: 1, ...JSON.parse('{"__proto__": 1}') };
  Object.defineProperty(document, '__proto__', { value: 1, enumerable: true });
  const { columns, leftOut } = proposeColumns([document], ['couple_id']);
  expect(columns.map(({ column }) => column)).toEqual(['foo_bar', 'first_name']);
  expect(Object.fromEntries(leftOut.map(({ field, why }) => [field, why]))).toMatchObject({
    payload: 'payload is a reserved name',
    coupleId: "couple_id is another column's name",
    foo_bar: "foo_bar is another column's name",
    é: "its name can't name a column",
    '0': "its name can't name a column",
    ['x'.repeat(31)]: 'its name is long',
  });
  expect(leftOut).toHaveLength(7);
});

test('a value that is no object is a column of its own; a map has none', () => {
  expect(proposeColumns([1, 2], []).columns).toEqual([
    { column: 'value', type: 'integer', field: null },
  ]);
  const map = Object.fromEntries(Array.from({ length: 41 }, (_, n) => [`id${n}`, n]));
  expect(proposeColumns([map], [])).toMatchObject({ columns: [], leftOut: [{ field: '*' }] });
  expect(proposeColumns([], [])).toEqual({ columns: [], leftOut: [] });
});

test.each([
  [['lp_awards'], [], 'lp_awards'],
  [['steps_data', 'days'], [], 'steps'],
  [['steps_data', 'days'], ['steps'], 'steps_data'],
  [['daily_quests', 'completions'], [], 'daily_quests'],
  [['daily_quests', 'completions'], ['daily_quests'], 'completions'],
  [['couples', 'loveNotes'], [], 'love_notes'],
  [['users'], [], 'users'],
  [['a', 'b'], ['a', 'b'], 'a_b'],
  [['a'], ['a', 'a_a'], null],
  [['é'], [], null],
])('the literals %j, where %j are taken, name %s', (literals, taken, name) => {
  expect(nameOfLiterals(literals, (one) => taken.some((other) => other === one))).toBe(name);
});

test.each([
  ['lp_awards', 'mirrorLpAward'],
  ['quiz_sessions', 'mirrorQuizSession'],
  ['quiz_progression', 'mirrorQuizProgression'],
  ['stories', 'mirrorStory'],
  ['statuses', 'mirrorStatus'],
  ['matches', 'mirrorMatch'],
  ['status', 'mirrorStatus'],
  ['quizzes', 'mirrorQuiz'],
])('%s is mirrored by %s', (name, trigger) => {
  expect(triggerOf(name)).toBe(trigger);
});

test('a sample is bounded, follows the literals, and leaves the canary out', async () => {
  const day = { quests: ['a'], completions: { q: { u: true } }, generatedAt: 1 };
  const couples = Object.fromEntries(
    Array.from({ length: 100 }, (_, n) => [`c${n}`, { '2026-11-20': day }]),
  );
  const root = { daily_quests: { 'canary_canary-partner': { '2026-11-20': day }, ...couples } };
  const reads: string[] = [];
  const tree = exportedTree(root);
  const counted: TreeSource = {
    keysOf: (path, most, end) => {
      reads.push(path.join('/'));
      return tree.keysOf(path, most, end);
    },
    valueAt: (path) => {
      reads.push(path.join('/'));
      return tree.valueAt(path);
    },
  };
  const sample = await samplePath(stepsOfRef('daily_quests/{coupleId}/{dateKey}/quests'), counted);
  expect(sample.documents).toHaveLength(12);
  expect(sample.siblings).toEqual(['completions', 'generatedAt']);
  expect([...(sample.keys.get('dateKey') ?? [])]).toEqual(['2026-11-20']);
  expect(reads.length).toBeLessThan(50);
  expect(reads.filter((path) => path.includes('canary'))).toEqual([]);
});
