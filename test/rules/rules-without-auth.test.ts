import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, get, ref, remove, set, update } from '@firebase/database';
import { PATHS } from '../../functions/src/app-paths';
import { canaryLeaf } from '../../functions/src/canary/canaries';
import { type AppWrite, appFixture, NEVER_MIRRORED } from '../app/support/app-fixtures';
import { OWNER, rest } from '../rtdb-standin/support/rest';
import { adminSdk, clientSdk, closeSdks } from '../rtdb-standin/support/sdk';
import {
  IS_FIELD,
  IS_OF_COUPLE,
  IS_QUEST_FIELD,
  IS_SANE_DAY,
  IS_TIME,
  MAY_REWRITE_DAY,
} from './rule-expressions';
import { startRulesDatabase } from './rules-database';

/** database.rules.without-auth.json: for an app whose users don't sign in with Firebase Auth. */

const read = (name: string) => readFileSync(join(__dirname, '../..', name), 'utf8');
const RULES = read('database.rules.without-auth.json');
const COUPLE = 'daily_quests/ann_bob_smith';
const DAY = `${COUPLE}/2025-11-19`;
const LEAF = `${DAY}/completions/quest_1`;
const GENERATED = {
  ...{ dateKey: '2025-11-19', generatedAt: Date.now() - 86_400_000, generatedBy: 'ann' },
  quests: [{ id: 'quest_1', questType: 1, sortOrder: 0 }],
};
const STANDING = { ...GENERATED, completions: { quest_1: { ann: true, bob_smith: true } } };

let standin: Awaited<ReturnType<typeof startRulesDatabase>>;
/** Signed in as nobody. */
let phone: Database;

beforeAll(async () => {
  standin = await startRulesDatabase();
  await deployRules(RULES);
  phone = clientSdk(standin);
});

afterAll(async () => {
  await closeSdks();
  await standin.stop();
});

const deployRules = (text: string) =>
  rest(standin, '/.settings/rules.json', { method: 'PUT', headers: OWNER, text });

const store = (body: unknown) => rest(standin, '/.json', { method: 'PUT', headers: OWNER, body });
const stored = async (path: string) => (await adminSdk(standin).ref(path).get()).val();

beforeEach(() => store({ daily_quests: { ann_bob_smith: { '2025-11-19': STANDING } } }));

function write(database: Database, { op, path, value }: AppWrite): Promise<void> {
  const node = ref(database, path);
  if (op === 'set') return set(node, value);
  return op === 'remove' ? remove(node) : update(node, value as object);
}

/** Of the app's phones' writes, by their numbers, those that are refused; all others are made. */
async function refusedWrites(): Promise<number[]> {
  const { before, writes } = appFixture();
  await store(before);
  const refused: number[] = [];
  for (const each of writes) {
    if (each.auth === 'admin') await rest(standin, `/${each.path}.json`, asOwner(each));
    else await write(phone, each).catch(() => refused.push(each.n));
  }
  return refused;
}

/** Where there is a value; server times are another in each run. */
function leavesOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return value === null ? [] : [path];
  return Object.entries(value)
    .flatMap(([key, child]) => leavesOf(child, `${path}/${key}`))
    .sort();
}

const asOwner = ({ op, value }: AppWrite) => ({
  method: op === 'set' ? 'PUT' : op === 'update' ? 'PATCH' : 'DELETE',
  headers: OWNER,
  ...(op === 'remove' ? {} : { body: value }),
});

test("all of the app's writes are taken, and leave what they leave in an open database", async () => {
  expect(await refusedWrites()).toEqual([]);
  expect(leavesOf(await stored('/'))).toEqual(leavesOf(appFixture().after));
}, 60_000);

test('the rules for Firebase Auth would shut the same phones out', async () => {
  await deployRules(read('database.rules.json'));
  try {
    const refused = await refusedWrites();
    const phones = appFixture().writes.filter(({ auth }) => auth === 'phone');
    expect(refused).toHaveLength(phones.length);
  } finally {
    await deployRules(RULES);
  }
}, 60_000);

test.each<[string, string]>([
  ['a couple', COUPLE],
  ['a completion', `${LEAF}/ann`],
])('reading %s is allowed to who knows its key', async (_name, path) => {
  expect((await get(ref(phone, path))).exists()).toBe(true);
});

test.each(['/', 'daily_quests', 'lp_awards', 'pairing_codes', 'chat_messages'])(
  'reading all of %s is refused',
  async (path) => {
    await expect(get(ref(phone, path))).rejects.toThrow('Permission denied');
  },
);

test.each<[string, string, unknown]>([
  ['the end of all couples', 'daily_quests', null],
  ['the end of a couple', COUPLE, null],
  ['the end of a day with completions', DAY, null],
  ['the end of all completions of a day', `${DAY}/completions`, null],
  ['the end of a quest', LEAF, null],
  ['a day anew with its old stamp', DAY, GENERATED],
  ['a day anew with a stamp far ahead', DAY, { ...GENERATED, generatedAt: Date.now() + 120_000 }],
  ['a completion of who is in another couple', `${LEAF}/mallory`, true],
  ['a completion of who has the end of an id', `${LEAF}/smith`, { note: 1 }],
  ['a completion that is text', `${LEAF}/ann`, 'yes'],
  ['a completion on 31 February', `${LEAF}/ann`, { completedAt: '2025-02-31T12:00:00Z' }],
  ['a completion with U+0000', `${LEAF}/ann`, { completedAt: 1, note: 'a\u0000b' }],
  ['a day of another calendar', `${COUPLE}/2568-11-19/completions/q/ann`, true],
  ['fifty-one quests', `${DAY}/quests`, Array.from({ length: 51 }, () => ({ id: 'q' }))],
  ['an author that is long', `${DAY}/generatedBy`, 'x'.repeat(769)],
  ['a session that is no document', 'quiz_sessions/ann_bob/s', 'x'],
  ['all sessions of a couple', 'quiz_sessions/ann_bob', null],
  ['a pairing code', 'pairing_codes/ABC123', { userId: 'mallory' }],
  ['a tree of its own', 'anything/at/all', true],
])('writing is refused: %s', async (_name, path, value) => {
  const before = await stored('/');
  await expect(set(ref(phone, path), value)).rejects.toThrow('PERMISSION_DENIED');
  expect(await stored('/')).toEqual(before);
});

test('a day that was generated over a week ago may be removed, as the app clears up', async () => {
  await adminSdk(standin)
    .ref(`${DAY}/generatedAt`)
    .set(Date.now() - 6 * 86_400_000);
  await expect(remove(ref(phone, DAY))).rejects.toThrow('PERMISSION_DENIED');
  await adminSdk(standin)
    .ref(`${DAY}/generatedAt`)
    .set(Date.now() - 8 * 86_400_000);
  await remove(ref(phone, DAY));
  expect(await stored(DAY)).toBeNull();
});

test.each(PATHS.map((path) => [path.name, canaryLeaf(path).path] as const))(
  'no phone writes or reads the canary of %s',
  async (_name, keys) => {
    for (let depth = 2; depth <= keys.length; depth += 1) {
      const node = ref(phone, keys.slice(0, depth).join('/'));
      await expect(set(node, { canary: 2 })).rejects.toThrow('PERMISSION_DENIED');
      await expect(get(node)).rejects.toThrow('Permission denied');
    }
  },
);

test('the file repeats its expressions to the letter, and knows every tree of the app', () => {
  const { rules } = JSON.parse(RULES);
  const { $dateKey: day } = rules.daily_quests.$coupleId;
  const leaf = day.completions.$questId.$userId;
  expect({
    day: [day['.write'], day['.validate']],
    quest: day.quests.$index.$field['.validate'],
    leaf: [leaf['.write'], leaf.completedAt['.validate'], leaf.$field['.validate']],
  }).toEqual({
    day: [MAY_REWRITE_DAY, IS_SANE_DAY],
    quest: IS_QUEST_FIELD,
    leaf: [IS_OF_COUPLE, IS_TIME, IS_FIELD],
  });
  const trees = new Set([...PATHS.map(({ ref: path }) => path.split('/')[0]), ...NEVER_MIRRORED]);
  expect(
    Object.keys(rules)
      .filter((key) => !key.startsWith('.'))
      .sort(),
  ).toEqual([...trees].sort());
});
