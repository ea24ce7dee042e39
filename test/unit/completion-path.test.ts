import { pathOfRef } from '../../functions/src/mirror/delivered-event';
import {
  completionPath,
  parseCompletionPath,
  partnerOf,
} from '../../functions/src/paths/quest-completions/completion-path';

const AS_OF = '2025-11-19T12:00:00.000000Z';
const TOKEN = `fK3x_9dTQm-1aB:APA91b${'Hq7_Zr-2'.repeat(17)}`;

describe('partnerOf', () => {
  test.each([
    ['alice_bob', 'alice', 'bob'],
    ['alice_bob', 'bob', 'alice'],
    ['alice_bob_smith', 'bob_smith', 'alice'],
    ['alice_bob_smith', 'alice', 'bob_smith'],
    [`2f6c_${TOKEN}`, TOKEN, '2f6c'],
    [`2f6c_${TOKEN}`, '2f6c', TOKEN],
    // Both cuts are possible: only one gives sorted ids.
    ['a_b_a', 'a', 'b_a'],
    ['a_b_a', 'b_a', 'a'],
    ['b_a_b_a_b', 'b_a_b', 'b_a'],
    ['a_b_a_b_a', 'a_b_a', 'b_a'],
    ['a_a', 'a', 'a'],
    ['_x__x', '_x', '_x'],
    ['alice_bob', 'mallory', null],
    ['alice_bob', 'alice_bob', null],
    ['alice_bob', 'ali', null],
    ['alice_bob', 'ob', null],
    ['alice_', 'alice', null],
    ['alice_bob', '', null],
    ['_bob', '', null],
    ['bob_', '', null],
  ])('of %j for %j is %j', (coupleId, userId, partner) => {
    expect(partnerOf(coupleId, userId)).toBe(partner);
  });
});

describe('parseCompletionPath', () => {
  const path = (couple: string, date: string, quest: string, user: string) =>
    `daily_quests/${couple}/${date}/completions/${quest}/${user}`;

  test('reads the four keys and derives the partner', () => {
    const text = path('alice_bob_smith', '2025-11-19', 'quest_1_quiz', 'bob_smith');
    const parsed = parseCompletionPath(text, AS_OF);
    expect(parsed).toEqual({
      ok: true,
      leaf: {
        coupleId: 'alice_bob_smith',
        dateKey: '2025-11-19',
        questId: 'quest_1_quiz',
        userId: 'bob_smith',
        partnerId: 'alice',
      },
    });
    expect(parsed.ok && completionPath(parsed.leaf)).toBe(text);
  });

  test.each([
    ['dateKey', path('alice_bob', '2025-02-30', 'q', 'bob')],
    ['dateKey', path('alice_bob', '19-11-2025', 'q', 'bob')],
    ['dateKey', path('alice_bob', '2027-01-01', 'q', 'bob')],
    ['dateKey', path('alice_bob', '2568-11-19', 'q', 'bob')],
    ['coupleId', path(`${'x'.repeat(765)}_bob`, '2025-11-19', 'q', 'bob')],
    ['questId', path('alice_bob', '2025-11-19', '❤'.repeat(257), 'bob')],
    ['questId', path('alice_bob', '2025-11-19', 'a\u0000', 'bob')],
    ['questId', path('alice_bob', '2025-11-19', 'a\ud83d', 'bob')],
    ['ref', 'daily_quests/alice_bob/2025-11-19/completions/q'],
    ['ref', 'daily_quests/alice_bob/2025-11-19/completions/q/bob/extra'],
    ['ref', 'daily_quests/alice_bob/2025-11-19/completions//bob'],
    ['ref', 'weekly_quests/alice_bob/2025-11-19/completions/q/bob'],
    ['ref', ''],
  ])('names the field %s for %j', (field, text) => {
    const parsed = parseCompletionPath(text, AS_OF);
    expect(parsed).toMatchObject({ ok: false, issues: [{ field }] });
  });

  test.each([
    ['alice_bob', 'mallory'],
    ['alice_bob', 'alice_bob'],
    ['_bob', 'bob'],
  ])('is read, without a partner, of %j for %j', (couple, user) => {
    const parsed = parseCompletionPath(path(couple, '2025-11-19', 'q', user), AS_OF);
    expect(parsed).toMatchObject({ ok: true, leaf: { coupleId: couple, partnerId: null } });
  });

  test('a key of 768 bytes is the longest', () => {
    const couple = `${'x'.repeat(764)}_bob`;
    expect(parseCompletionPath(path(couple, '2025-11-19', 'q'.repeat(768), 'bob'), AS_OF).ok).toBe(
      true,
    );
  });
});

describe('pathOfRef', () => {
  test.each([
    ['structured, literal', 'a/b%41', true, 'a/b%41'],
    ['structured, not ASCII', 'a/é❤', true, 'a/é❤'],
    ['structured, a Latin-1 look-alike stays', 'a/Ã©', true, 'a/Ã©'],
    ['binary, plain', 'a/b', false, 'a/b'],
    ['binary, encoded percent', 'a/b%2541', false, 'a/b%41'],
    ['binary, encoded text', 'a/%C3%A9%E2%9D%A4', false, 'a/é❤'],
    ['binary, raw UTF-8 read as Latin-1', Buffer.from('a/é❤').toString('latin1'), false, 'a/é❤'],
    ['binary, a lone percent', 'a/100%', false, 'a/100%'],
    ['binary, bytes that are no UTF-8', 'a/%FF%FE', false, 'a/%FF%FE'],
    ['binary, Latin-1 that is no UTF-8', 'a/\u00e9', false, 'a/\u00e9'],
    ['slashes around', '/a/b/', true, 'a/b'],
  ])('%s', (_case, ref, structured, expected) => {
    expect(pathOfRef(ref, structured)).toBe(expected);
  });
});
