import { leavesOfCouple } from '../../functions/src/completions-only/reconcile/leaves-of-couple';
import { compareKeys } from '../../functions/src/paths/quest-completions/completion-path';

const READ_AT = '2026-11-22T10:00:00.000000Z';
const read = (days: unknown) =>
  [...leavesOfCouple('a_b', days, READ_AT)].map(({ key, reading }) => [
    `${key.dateKey} ${key.questId} ${key.userId}`,
    reading.completed,
  ]);

test('leaves come in key order, with what each shows', () => {
  const days = {
    '2026-11-22': {
      generatedAt: 1,
      quests: { q1: { type: 'quiz' } },
      completions: {
        q2: { b: true, a: 1_763_618_460_006 },
        q10: { a: false },
        '\uffee': { a: true },
        '😀': { a: true },
      },
    },
    '2026-11-21': { completions: { q1: { a: { completedAt: 'soon' }, b: { completedAt: 5 } } } },
  };
  expect(read(days)).toEqual([
    ['2026-11-21 q1 a', null],
    ['2026-11-21 q1 b', true],
    ['2026-11-22 q10 a', false],
    ['2026-11-22 q2 a', true],
    ['2026-11-22 q2 b', true],
    ['2026-11-22 \uffee a', true],
    ['2026-11-22 😀 a', true],
  ]);
  const keys = [...leavesOfCouple('a_b', days, READ_AT)].map(({ key }) => key);
  expect([...keys].sort(compareKeys)).toEqual(keys);
});

test('a list is read as the object it is, and ordered as text', () => {
  const quests = Array.from({ length: 11 }, (_, n) => (n === 2 || n === 10 ? { a: true } : null));
  expect(read({ '2026-11-22': { completions: quests } })).toEqual([
    ['2026-11-22 10 a', true],
    ['2026-11-22 2 a', true],
  ]);
});

test('a place of a list that nobody filled is no leaf', () => {
  const days = { '2026-11-22': { completions: { q: [null, true] } } };
  expect(read(days)).toEqual([['2026-11-22 q 1', true]]);
});

test('a refused value is shown, not dropped', () => {
  const days = { '2026-11-22': { completions: { q: { a: 'yes' } } } };
  expect([...leavesOfCouple('a_b', days, READ_AT)].map(({ reading }) => reading)).toEqual([
    { completed: null, value: 'yes' },
  ]);
});

test.each([
  ['no couple', null],
  ['a day without completions', { '2026-11-22': { generatedAt: 1 } }],
  ['a day that does not exist', { '2026-02-30': { completions: { q: { a: true } } } }],
  ['a value above the leaves', { '2026-11-22': { completions: { q: true } } }],
  ['text for a day', { '2026-11-22': 'completions' }],
  ['what stands beside the completions', { '2026-11-22': { answers: { q: { a: true } } } }],
])('%s holds no leaf', (_name, days) => {
  expect(read(days)).toEqual([]);
});
