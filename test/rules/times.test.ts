import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, ref, set } from '@firebase/database';
import { leaf, setAt } from '../../rtdb-standin/data/node';
import { compileRules } from '../../rtdb-standin/rules/security-rules';
import { OWNER, rest } from '../rtdb-standin/support/rest';
import { clientSdk, closeSdks } from '../rtdb-standin/support/sdk';
import { DAYS, NUMBERS, onDay, TIMES } from '../support/times-table';
import { startRulesDatabase } from './rules-database';

/** The share of database.rules.json in the one table of dates and times. */

const RULES = readFileSync(join(__dirname, '../../database.rules.json'), 'utf8');
const TODAY = new Date().toISOString().slice(0, 10);

let standin: Awaited<ReturnType<typeof startRulesDatabase>>;
let ann: Database;

beforeAll(async () => {
  standin = await startRulesDatabase();
  await rest(standin, '/.settings/rules.json', { method: 'PUT', headers: OWNER, text: RULES });
  ann = clientSdk(standin, 'ann');
});

afterAll(async () => {
  await closeSdks();
  await standin.stop();
});

/** Whether ann's phone may complete a quest so. */
async function isAllowed(day: string, value: unknown): Promise<boolean> {
  const path = `daily_quests/ann_bob/${day}/completions/quest_1/ann`;
  const write = async () => set(ref(ann, path), value);
  return write().then(
    () => true,
    () => false,
  );
}

test.each(TIMES)('rules, completedAt $text: $utc', async ({ text, utc }) => {
  expect(await isAllowed(TODAY, { completedAt: onDay(text, TODAY) })).toBe(utc !== null);
});

test.each(NUMBERS)('rules take the number $value, as the parser does', async ({ value }) => {
  expect(await isAllowed(TODAY, value)).toBe(true);
  expect(await isAllowed(TODAY, { completedAt: value })).toBe(true);
});

test.each(DAYS)('rules, the day $text: $ok', async ({ text, ok }) => {
  expect(await isAllowed(onDay(text, TODAY), true)).toBe(ok);
});

test.each([
  ['U+0000', 'a\u0000b', false],
  ['U+0000 alone', '\u0000', false],
  ['a high surrogate alone', 'a\ud83d', false],
  ['a low surrogate alone', '\ude00b', false],
  ['surrogates the wrong way round', '\ude00\ud83d', false],
  ['emoji', '💚👩‍❤️‍💋‍👩 \u202e', true],
  ['other control characters', 'a\tb\nc\u0001\u007f', true],
  ['the letters of an escape', 'u0000 ud800 \\u0000', true],
  ['nothing', '', true],
  ['1,000 characters', 'é'.repeat(1_000), true],
  ['1,001 characters', 'é'.repeat(1_001), false],
])('a text field with %s', async (_case, note, ok) => {
  expect(await isAllowed(TODAY, { completedAt: 1763553600000, note })).toBe(ok);
});

/** Whether a day may be written when the server's clock shows `now`. */
async function allowsAt(now: string, day: string): Promise<boolean> {
  const rules = await compileRules(RULES);
  const path = ['daily_quests', 'ann_bob', day, 'completions', 'q', 'ann'];
  const auth = { kind: 'user', uid: 'ann', auth: { uid: 'ann' } } as const;
  const after = setAt(null, path, leaf(true));
  return rules.allowsWrite({ auth, before: null, after, paths: [path], nowMs: Date.parse(now) });
}

test.each([
  ['2026-11-27T00:00:00Z', '2027-12-31', true],
  ['2026-12-31T23:59:59.999Z', '2028-01-01', false],
  ['2027-01-01T00:00:00Z', '2028-12-31', true],
  ['2027-01-01T00:00:00Z', '2029-01-01', false],
  ['2033-06-01T00:00:00Z', '2034-12-31', true],
  ['2033-06-01T00:00:00Z', '2035-01-01', false],
  ['2039-12-31T00:00:00Z', '2041-01-01', false],
  ['2039-12-31T00:00:00Z', '2040-01-01', true],
  // The list ends: better every year than none.
  ['2040-01-01T00:00:00Z', '2569-11-20', true],
])('rules at %s, the day %s: %s', async (now, day, ok) => {
  expect(await allowsAt(now, day)).toBe(ok);
});
