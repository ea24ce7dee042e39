import { createDayReader } from '../../functions/src/mirror/day-reader';
import type { PresentState } from '../../functions/src/mirror/present-state';
import type { Reading } from '../../functions/src/rtdb/rtdb-client';

const DAY = { instance: 'i', databaseHost: 'h', path: 'daily_quests/a_b/2025-11-19' };
const whole = (value: unknown): Reading => ({ isWhole: true, value });

/** A reader that shows these parts of the day; null where a part can't be read. */
function rtdbOf(parts: Record<string, Reading | null>) {
  const asked: string[] = [];
  const reader: PresentState = {
    isReadable: () => true,
    readLeaf: () => Promise.reject(new Error('a leaf')),
    readEvidence: async ({ path }) => {
      const part = path.slice(DAY.path.length + 1);
      asked.push(part);
      const reading = parts[part];
      return reading === undefined ? whole(null) : reading;
    },
  };
  return { reader, asked };
}

test.each<[string, Record<string, Reading | null>, object]>([
  ['a day that is gone', {}, { questIds: new Set(), generatedAt: null, hasCompletions: false }],
  [
    'quests that are listed, some without an id',
    { quests: whole([{ id: 'q1' }, { name: 'x' }, 7]), generatedAt: whole(5) },
    { questIds: new Set(['q1']), generatedAt: 5, hasCompletions: false },
  ],
  [
    'completions, however many',
    { completions: { isWhole: false }, generatedAt: whole('soon') },
    { questIds: new Set(), generatedAt: null, hasCompletions: true },
  ],
  [
    'more quests than are read: nothing is said of them',
    { quests: { isWhole: false } },
    { questIds: new Set(), generatedAt: null, hasCompletions: false },
  ],
  [
    'parts that can not be read',
    { quests: null, generatedAt: null, completions: null },
    { questIds: null, generatedAt: null, hasCompletions: null },
  ],
])('%s', async (_case, parts, expected) => {
  const { reader } = rtdbOf(parts);
  expect(await createDayReader()(DAY, 't1', reader)).toEqual(expected);
});

test('what one write changed shares one reading, unless that failed', async () => {
  const { reader, asked } = rtdbOf({});
  const readDay = createDayReader();
  await Promise.all([readDay(DAY, 't1', reader), readDay(DAY, 't1', reader)]);
  expect(asked).toHaveLength(3);
  await readDay(DAY, 't2', reader);
  expect(asked).toHaveLength(6);
  const failing = rtdbOf({ completions: null });
  for (const _ of [1, 2]) await readDay(DAY, 't3', failing.reader);
  expect(failing.asked).toHaveLength(6);
});
