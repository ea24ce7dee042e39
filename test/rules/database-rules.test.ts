import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, get, ref, remove, runTransaction, set, update } from '@firebase/database';
import { PATHS } from '../../functions/src/app-paths';
import { canaryLeaf } from '../../functions/src/canary/canaries';
import { type AppWrite, appWrites } from '../app/support/app-fixtures';
import { OWNER, rest } from '../rtdb-standin/support/rest';
import { adminSdk, clientSdk, closeSdks } from '../rtdb-standin/support/sdk';
import {
  IS_MEMBER,
  IS_OWN_FIELD,
  IS_OWN_TIME,
  IS_QUEST_FIELD,
  IS_SANE_DAY,
  MAY_WRITE_DAY,
  MAY_WRITE_OWN,
} from './rule-expressions';
import { startRulesDatabase } from './rules-database';

/**
 * database.rules.json as the phones' SDK meets it. The stand-in judges by targaryen, which is no
 * oracle; where the service is known to differ, docs/rtdb-standin.md says so, and the rules are
 * written so that both answer alike.
 */

const RULES = readFileSync(join(__dirname, '../../database.rules.json'), 'utf8');
const APP_WRITES = appWrites().filter(({ path }) => path.startsWith('daily_quests/'));
const ANN = 'ann';
const BOB = 'bob_smith';
const COUPLE = `daily_quests/${ANN}_${BOB}`;
const DAY = `${COUPLE}/2025-11-19`;
const LEAF = `${DAY}/completions/quest_1`;
const TOKEN = `fK3x_9dTQm-1aB:APA91bHq7_Zr-2${'Hq7_Zr-2'.repeat(10)}`;

/** A day as the app makes it, with one completion of each. */
const GENERATED = {
  dateKey: '2025-11-19',
  generatedAt: 1763510400123,
  generatedBy: ANN,
  progression: { currentTrack: 0, currentPosition: 2 },
  quests: [{ id: 'quest_1', questType: 1, sortOrder: 0 }],
};
const STANDING = {
  ...GENERATED,
  completions: { quest_1: { [ANN]: true, [BOB]: { completedAt: 1763553600000, device: 'ios' } } },
};
const REGENERATED = { ...GENERATED, generatedAt: 1763510400777 };
const stamped = (generatedAt: unknown) => ({ ...GENERATED, generatedAt });
const SERVER_TIME = { '.sv': 'timestamp' };
const EMPTY_DAY = `${COUPLE}/2025-11-18`;
const EMPTY = { ...GENERATED, dateKey: '2025-11-18' };
const MEGABYTE = 1024 * 1024;
/** 9 MB of what is small each. */
const many = (value: unknown) =>
  Object.fromEntries(Array.from({ length: 9_000 }, (_, n) => [`key${n}`, value]));
const deep = (levels: number): unknown =>
  levels === 0 ? 'x'.repeat(500) : { a: deep(levels - 1) };

let standin: Awaited<ReturnType<typeof startRulesDatabase>>;
const phones = new Map<string, Database>();

beforeAll(async () => {
  standin = await startRulesDatabase();
  await rest(standin, '/.settings/rules.json', { method: 'PUT', headers: OWNER, text: RULES });
});

afterAll(async () => {
  await closeSdks();
  await standin.stop();
});

const canary = { '2025-11-19': { completions: { flight: { canary: 1 } } } };

beforeEach(() =>
  rest(standin, '/.json', {
    ...{ method: 'PUT', headers: OWNER },
    body: {
      daily_quests: {
        [`${ANN}_${BOB}`]: { '2025-11-19': STANDING, '2025-11-18': EMPTY },
        'canary_canary-partner': canary,
      },
      lp_awards: { [`${ANN}_${BOB}`]: { award: { amount: 30 } } },
    },
  }),
);

/** One phone a user; '' is signed in as nobody. */
function phoneOf(uid: string): Database {
  const phone = phones.get(uid) ?? clientSdk(standin, uid === '' ? undefined : uid);
  phones.set(uid, phone);
  return phone;
}

const stored = async (path: string) => (await adminSdk(standin).ref(path).get()).val();

describe('reading', () => {
  test.each([
    ['ann, her couple', ANN, COUPLE],
    ['her partner, whose id has an underscore', BOB, COUPLE],
    ['ann, one day', ANN, DAY],
    ["ann, her partner's completion", ANN, `${LEAF}/${BOB}`],
  ])('is allowed to %s', async (_case, uid, path) => {
    expect((await get(ref(phoneOf(uid), path))).exists()).toBe(true);
  });

  test.each([
    ['nobody', '', COUPLE],
    ['a stranger', 'mallory', COUPLE],
    ['who shares the beginning of an id only', 'an', COUPLE],
    ['who shares the end of an id only', 'mith', COUPLE],
    ['who is called like the couple', `${ANN}_${BOB}`, COUPLE],
    ['ann, all couples', ANN, 'daily_quests'],
    ['ann, everything', ANN, '/'],
    ['ann, what the rules do not name', ANN, `lp_awards/${ANN}_${BOB}`],
    ['the canary', 'canary', 'daily_quests/canary_canary-partner'],
    ["the canary's partner", 'canary-partner', 'daily_quests/canary_canary-partner'],
  ])('is refused to %s', async (_case, uid, path) => {
    await expect(get(ref(phoneOf(uid), path))).rejects.toThrow('Permission denied');
  });
});

type Write = [name: string, uid: string, path: string, value: unknown];

const withTime = (completedAt: unknown, more: object = {}) => ({ completedAt, ...more });

const ALLOWED: Write[] = [
  ['true', ANN, `${LEAF}/${ANN}`, true],
  ['false', ANN, `${LEAF}/${ANN}`, false],
  ['nothing: her own deletion', ANN, `${LEAF}/${ANN}`, null],
  ['milliseconds', ANN, `${LEAF}/${ANN}`, 1763553600000],
  ['an object of milliseconds', ANN, `${LEAF}/${ANN}`, withTime(1763553600000)],
  ['an object of ISO time', ANN, `${LEAF}/${ANN}`, withTime('2025-11-19T12:00:00Z')],
  ['local time with microseconds', ANN, `${LEAF}/${ANN}`, withTime('2025-11-19T12:00:00.123456')],
  ['time with an offset', ANN, `${LEAF}/${ANN}`, withTime('2025-11-19T12:00:00.1+02:00')],
  ['time without seconds', ANN, `${LEAF}/${ANN}`, withTime('2025-11-19T12:00')],
  ["the server's time", ANN, `${LEAF}/${ANN}`, withTime({ '.sv': 'timestamp' })],
  ['more fields', ANN, `${LEAF}/${ANN}`, withTime(1, { device: 'ios', retry: 2, offline: true })],
  ['true for a quest that nobody did yet', BOB, `${DAY}/completions/quest_9/${BOB}`, true],
  ['true on a day that is not there yet', BOB, `${COUPLE}/2025-11-20/completions/q/${BOB}`, true],
  [
    'a day, whole, that is not there yet',
    BOB,
    `${COUPLE}/2025-11-20`,
    {
      ...{ ...GENERATED, dateKey: '2025-11-20', generatedBy: BOB },
    },
  ],
  ['a day generated anew, without completions', ANN, DAY, REGENERATED],
  ['a day generated anew by the other phone', BOB, DAY, { ...REGENERATED, generatedBy: BOB }],
  ['a day stamped by the server', ANN, DAY, { ...GENERATED, generatedAt: SERVER_TIME }],
  ['a day stamped by a clock a little ahead', ANN, DAY, stamped(Date.now() + 30_000)],
  [
    'a day generated anew that keeps what the partner did',
    ANN,
    DAY,
    {
      ...REGENERATED,
      completions: STANDING.completions,
    },
  ],
  [
    'a day generated anew with her own completion',
    ANN,
    DAY,
    {
      ...REGENERATED,
      completions: { quest_2: { [ANN]: 1763553600001 } },
    },
  ],
  ['the end of a day without completions', ANN, EMPTY_DAY, null],
  ['a day over one without completions, with the same stamp', BOB, EMPTY_DAY, EMPTY],
  ['how far they came', BOB, `${DAY}/progression/currentPosition`, 3],
  ['the quests', ANN, `${DAY}/quests`, [{ id: 'quest_2' }]],
  [
    'a completion for a push token',
    TOKEN,
    `daily_quests/2f6c-1f0e_${TOKEN}/2025-11-19/completions/q/${TOKEN}`,
    true,
  ],
  [
    'a completion in a couple whose other id is empty',
    ANN,
    `daily_quests/_${ANN}/2025-11-19/completions/q/${ANN}`,
    true,
  ],
  [
    'fifty quests',
    ANN,
    `${DAY}/quests`,
    Array.from({ length: 50 }, (_, n) => ({ id: `q${n}`, quizName: 'é'.repeat(500) })),
  ],
  ['one field of a quest', BOB, `${DAY}/quests/0/formatType`, 'classic'],
  ['no quests', ANN, `${DAY}/quests`, null],
];

describe('the canaries of all paths', () => {
  test.each(PATHS.map((path) => [path.name, canaryLeaf(path).path] as const))(
    'no phone writes or reads that of %s',
    async (_name, keys) => {
      for (let depth = 2; depth <= keys.length; depth += 1) {
        const path = keys.slice(0, depth).join('/');
        for (const uid of ['canary', 'canary-partner', 'canary_canary-partner', ANN, '']) {
          const phone = ref(phoneOf(uid), path);
          await expect(set(phone, { canary: 2 })).rejects.toThrow('PERMISSION_DENIED');
          await expect(get(phone)).rejects.toThrow('Permission denied');
        }
      }
      await adminSdk(standin).ref(keys.join('/')).set(5);
      expect(await stored(keys.join('/'))).toBe(5);
    },
  );
});

describe('writing', () => {
  test.each(ALLOWED)('of %s is allowed', async (_case, uid, path, value) => {
    await set(ref(phoneOf(uid), path), value);
    expect((await stored(path)) === null).toBe(value === null);
  });
});

const REFUSED: Write[] = [
  ['nobody', '', `${LEAF}/${ANN}`, true],
  ['a stranger', 'mallory', `${LEAF}/mallory`, true],
  ["a stranger in ann's name", 'mallory', `${LEAF}/${ANN}`, true],
  ["ann in her partner's name", ANN, `${DAY}/completions/quest_2/${BOB}`, true],
  ["over her partner's value", ANN, `${LEAF}/${BOB}`, true],
  ["her partner's deletion", ANN, `${LEAF}/${BOB}`, null],
  ['the deletion of a quest with both completions', ANN, LEAF, null],
  ['the deletion of all completions', ANN, `${DAY}/completions`, null],
  ["her partner's field", ANN, `${LEAF}/${BOB}/device`, 'android'],
  ["her partner's time", ANN, `${LEAF}/${BOB}/completedAt`, 1],
  ['a user of neither', ANN, `${LEAF}/mallory`, true],
  ['text', ANN, `${LEAF}/${ANN}`, 'yes'],
  ['text that looks true', ANN, `${LEAF}/${ANN}`, 'true'],
  ['a list', ANN, `${LEAF}/${ANN}`, [true]],
  ['an object without completedAt', ANN, `${LEAF}/${ANN}`, { device: 'ios' }],
  ['completedAt of true', ANN, `${LEAF}/${ANN}`, withTime(true)],
  ['completedAt in words', ANN, `${LEAF}/${ANN}`, withTime('yesterday')],
  ['completedAt in month 13', ANN, `${LEAF}/${ANN}`, withTime('2025-13-01T12:00:00Z')],
  ['completedAt of a date only', ANN, `${LEAF}/${ANN}`, withTime('2025-11-19')],
  ['completedAt as an object', ANN, `${LEAF}/${ANN}`, withTime({ ms: 1 })],
  ['a field with fields', ANN, `${LEAF}/${ANN}`, withTime(1, { device: { os: 'ios' } })],
  ['a field of 2,000 characters', ANN, `${LEAF}/${ANN}`, withTime(1, { note: 'x'.repeat(2_000) })],
  ['something under true', ANN, `${LEAF}/${ANN}/deeper`, 1],
  ['a quest that is no object', ANN, LEAF, true],
  ['completions that are no object', ANN, `${DAY}/completions`, 'none'],
  ['a day that is no date', ANN, `${COUPLE}/today/completions/q/${ANN}`, true],
  ['a day in month 13', ANN, `${COUPLE}/2025-13-01/completions/q/${ANN}`, true],
  ['a node of the day that has no name here', ANN, `${DAY}/chat`, 'hello'],
  ['a new day with an unnamed node', ANN, `${COUPLE}/2025-11-20`, { ...GENERATED, chat: 1 }],
  ['a day whole that was not generated anew', ANN, DAY, GENERATED],
  ['the end of a day with completions', ANN, DAY, null],
  ['a day whole without a stamp', ANN, DAY, { ...GENERATED, generatedAt: null }],
  ['a day whole with an older stamp', ANN, DAY, stamped(1763510400122)],
  ['a day whole with a stamp of text', ANN, DAY, stamped('1763510400777')],
  ['a day whole with a stamp that is true', ANN, DAY, stamped(true)],
  ['a day whole with a stamp far ahead', ANN, DAY, stamped(Date.now() + 120_000)],
  ['a day whole with another author alone', BOB, DAY, { ...GENERATED, generatedBy: BOB }],
  ['a day whole that is text', ANN, DAY, 'gone'],
  ['the end of a stamp', ANN, `${DAY}/generatedAt`, null],
  [
    'a new day with a stamp far ahead',
    ANN,
    EMPTY_DAY,
    { ...EMPTY, generatedAt: Date.now() + 120_000 },
  ],
  ['quests of one large text', ANN, `${DAY}/quests`, 'x'.repeat(9 * MEGABYTE)],
  ['a quest of one large text', ANN, `${DAY}/quests/0`, 'x'.repeat(9 * MEGABYTE)],
  ['a quest with a large text', ANN, `${DAY}/quests/0/id`, 'x'.repeat(9 * MEGABYTE)],
  ['a quest with a text of 501 characters', ANN, `${DAY}/quests/0/quizName`, 'x'.repeat(501)],
  ['a quest with U+0000', ANN, `${DAY}/quests/0/quizName`, 'a\u0000'],
  ['fifty-one quests', ANN, `${DAY}/quests`, Array.from({ length: 51 }, () => ({ id: 'q' }))],
  ['many quests', ANN, `${DAY}/quests`, many({ id: 'x'.repeat(500) })],
  ['a quest of many fields', ANN, `${DAY}/quests/0`, many('x'.repeat(500))],
  ['a quest with a field that the app does not write', ANN, `${DAY}/quests/0/note`, 'x'],
  ['a quest that is deep', ANN, `${DAY}/quests/0/id`, deep(20)],
  ['progression of one large text', ANN, `${DAY}/progression`, 'x'.repeat(9 * MEGABYTE)],
  ['progression of many fields', ANN, `${DAY}/progression`, many(1)],
  ['progression with a text', ANN, `${DAY}/progression/currentTrack`, 'x'],
  [
    'a new day with many quests',
    ANN,
    EMPTY_DAY,
    { ...EMPTY, quests: many({ id: 'x'.repeat(500) }) },
  ],
  ['completedAt on 31 February', ANN, `${LEAF}/${ANN}`, withTime('2025-02-31T12:00:00Z')],
  ['a field with U+0000', ANN, `${LEAF}/${ANN}`, withTime(1, { note: 'a\u0000b' })],
  ['a day of another calendar', ANN, `${COUPLE}/2568-11-19/completions/q/${ANN}`, true],
  [
    "a day anew with a forged completion of the partner's",
    ANN,
    DAY,
    {
      ...REGENERATED,
      completions: { quest_2: { [BOB]: true } },
    },
  ],
  [
    "a day anew with the partner's completion changed",
    ANN,
    DAY,
    {
      ...REGENERATED,
      completions: { quest_1: { [BOB]: { completedAt: 1, device: 'ios' } } },
    },
  ],
  [
    'a day anew with an invalid value',
    ANN,
    DAY,
    {
      ...REGENERATED,
      completions: { quest_1: { [ANN]: 'yes' } },
    },
  ],
  [
    "a day anew in the partner's name",
    ANN,
    `${COUPLE}/2025-11-20`,
    {
      ...{ ...GENERATED, dateKey: '2025-11-20', generatedBy: BOB },
    },
  ],
  ['a day whole by a stranger', 'mallory', DAY, REGENERATED],
  ['a couple whole', ANN, COUPLE, { '2025-11-19': REGENERATED }],
  ['the end of a couple', ANN, COUPLE, null],
  ['the end of all couples', ANN, 'daily_quests', null],
  ['what the rules do not name', ANN, `lp_awards/${ANN}_${BOB}/award/amount`, 9_999],
  ['a couple of one', ANN, `daily_quests/${ANN}_/2025-11-19/completions/q/${ANN}`, true],
  [
    'the canary',
    'canary',
    'daily_quests/canary_canary-partner/2025-11-19/completions/flight/canary',
    2,
  ],
  ["the canary's day", 'canary-partner', 'daily_quests/canary_canary-partner/2025-11-19', null],
];

describe('the canaries of all paths', () => {
  test.each(PATHS.map((path) => [path.name, canaryLeaf(path).path] as const))(
    'no phone writes or reads that of %s',
    async (_name, keys) => {
      for (let depth = 2; depth <= keys.length; depth += 1) {
        const path = keys.slice(0, depth).join('/');
        for (const uid of ['canary', 'canary-partner', 'canary_canary-partner', ANN, '']) {
          const phone = ref(phoneOf(uid), path);
          await expect(set(phone, { canary: 2 })).rejects.toThrow('PERMISSION_DENIED');
          await expect(get(phone)).rejects.toThrow('Permission denied');
        }
      }
      await adminSdk(standin).ref(keys.join('/')).set(5);
      expect(await stored(keys.join('/'))).toBe(5);
    },
  );
});

describe('writing', () => {
  test.each(REFUSED)('is refused: %s', async (_case, uid, path, value) => {
    const before = await stored('/');
    await expect(set(ref(phoneOf(uid), path), value)).rejects.toThrow('PERMISSION_DENIED');
    expect(await stored('/')).toEqual(before);
  });

  test('remove, update and a transaction are judged like set', async () => {
    const ann = phoneOf(ANN);
    await expect(remove(ref(ann, `${LEAF}/${BOB}`))).rejects.toThrow('PERMISSION_DENIED');
    const both = { [`${LEAF}/${ANN}`]: false, [`${LEAF}/${BOB}`]: false };
    await expect(update(ref(ann), both)).rejects.toThrow('PERMISSION_DENIED');
    const racing = runTransaction(ref(ann, `${LEAF}/${BOB}`), () => true);
    await expect(racing).rejects.toThrow(/permission_denied/i);
    expect(await stored(LEAF)).toEqual(STANDING.completions.quest_1);
    await update(ref(ann), { [`${LEAF}/${ANN}`]: 1, [`${DAY}/progression/totalCompleted`]: 3 });
    await runTransaction(ref(ann, DAY), (day) => day && { ...day, generatedAt: 1763510400999 });
    expect(await stored(`${LEAF}/${ANN}`)).toBe(1);
  });

  test('a phone that was offline sends its completion and its deletion later', async () => {
    const ann = phoneOf(ANN);
    await Promise.all([
      set(ref(ann, `${DAY}/completions/quest_2/${ANN}`), true),
      remove(ref(ann, `${LEAF}/${ANN}`)),
    ]);
    expect(await stored(`${DAY}/completions`)).toEqual({
      quest_1: { [BOB]: STANDING.completions.quest_1[BOB] },
      quest_2: { [ANN]: true },
    });
  });

  test('a day set twice before anything was completed is not refused', async () => {
    const tomorrow = `${COUPLE}/2025-11-20`;
    const day = { ...GENERATED, dateKey: '2025-11-20' };
    await set(ref(phoneOf(ANN), tomorrow), day);
    await set(ref(phoneOf(ANN), tomorrow), day);
    expect(await stored(tomorrow)).toEqual(day);
  });

  test("the canary is the administrator's, whom no rule binds", async () => {
    const path = 'daily_quests/canary_canary-partner/2025-11-19/completions/flight/canary';
    await adminSdk(standin).ref(path).set(5);
    expect(await stored(path)).toBe(5);
  });
});

test('the file repeats its expressions to the letter', () => {
  const { daily_quests: tree } = JSON.parse(RULES).rules;
  const { '.read': read, $dateKey: day } = tree.$coupleId;
  const leaf = day.completions.$questId.$userId;
  expect({
    members: [read, day.progression['.write'], day.quests['.write']],
    day: [day['.write'], day['.validate']],
    quest: day.quests.$index.$field['.validate'],
    leaf: [leaf['.write'], leaf.completedAt['.validate'], leaf.$field['.validate']],
  }).toEqual({
    members: [IS_MEMBER, IS_MEMBER, IS_MEMBER],
    day: [MAY_WRITE_DAY, IS_SANE_DAY],
    quest: IS_QUEST_FIELD,
    leaf: [MAY_WRITE_OWN, IS_OWN_TIME, IS_OWN_FIELD],
  });
});

test("the app's own writes of a day are allowed, but for the removal of old days", async () => {
  await adminSdk(standin).ref('daily_quests').remove();
  for (const write of APP_WRITES) {
    const { op, path, value } = write;
    const uid = writerOf(write);
    const node = ref(phoneOf(uid), path);
    if (op === 'set') await set(node, value);
    else {
      await adminSdk(standin).ref(`${path}/completions/q/${uid}`).set(true);
      await expect(remove(node)).rejects.toThrow('PERMISSION_DENIED');
    }
  }
  expect(APP_WRITES.map(({ op }) => op)).toContain('remove');
});

/** The user whose phone makes a write: who generated the day, or whose completion it is. */
function writerOf({ op, path, value }: AppWrite): string {
  const [, coupleId = ''] = path.split('/');
  if (op === 'remove') return coupleId.split('_')[0] ?? '';
  if (typeof value === 'object') return String((value as { generatedBy?: unknown }).generatedBy);
  return path.split('/').at(-1) ?? '';
}

/** What stays open: docs/threat-model.md, "Realtime Database". These hold the document to the facts. */
describe('not shut by these rules', () => {
  test('who regenerates a day erases the completions under it, as the app itself does', async () => {
    await update(ref(phoneOf(ANN)), {
      [`${DAY}/generatedAt`]: 1763510400777,
      [`${LEAF}/${BOB}`]: null,
    });
    expect(await stored(`${LEAF}/${BOB}`)).toBeNull();
  });

  test("a user whose id is what precedes an underscore in another's reads that couple", async () => {
    const path = 'daily_quests/a_b_c/2025-11-19';
    await adminSdk(standin)
      .ref(path)
      .set({ completions: { q: { a_b: true, c: true } } });
    expect((await get(ref(phoneOf('a'), path))).exists()).toBe(true);
    await expect(set(ref(phoneOf('a'), `${path}/completions/q/c`), false)).rejects.toThrow(
      'PERMISSION_DENIED',
    );
  });

  test('anybody signed in may begin a couple with anybody', async () => {
    const path = `daily_quests/${ANN}_mallory/2025-11-19/completions/q/mallory`;
    await set(ref(phoneOf('mallory'), path), true);
    expect(await stored(path)).toBe(true);
  });
});
