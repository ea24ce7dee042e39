import fc from 'fast-check';
import { fieldErrorsOf } from '../../functions/src/api/problem';
import {
  claimBodySchema,
  coupleIdOf,
  type ParsedClaim,
  parseClaim,
  rtdbKeySchema,
} from '../../functions/src/api/requests';
import { claimableDays } from '../../functions/src/paths/quest-completions/claimable-days';

const NOW = '2025-11-20T06:00:00.000000Z';
const BODY = {
  quest_id: 'quest_1',
  user_id: 'bob',
  partner_id: 'alice',
  timestamp: '2025-11-20T06:01:00.006',
};
/** As the route does it. */
const parsed = (body: unknown): ParsedClaim => {
  const read = claimBodySchema.safeParse(body);
  if (!read.success) return { ok: false, errors: fieldErrorsOf(read.error, 'body') };
  return parseClaim(read.data, NOW);
};
const claim = (change: object = {}) => parsed({ ...BODY, ...change });

test('a claim names its leaf, and when it was made', () => {
  expect(claim()).toEqual({
    ok: true,
    leaf: {
      coupleId: 'alice_bob',
      dateKey: '2025-11-20',
      questId: 'quest_1',
      userId: 'bob',
      partnerId: 'alice',
    },
    completedAt: '2025-11-20T06:01:00.006000Z',
  });
});

test('the day is the phone’s own, whatever day it is in UTC', () => {
  expect(claim({ timestamp: '2025-11-20T01:00:00+14:00' })).toMatchObject({
    leaf: { dateKey: '2025-11-20' },
    completedAt: '2025-11-19T11:00:00.000000Z',
  });
});

test.each([
  ['18 h ahead', '2025-11-20T23:59:59Z', '2025-11-20T23:59:59.000000Z'],
  ['a week ago', '2025-11-13T00:00:00Z', '2025-11-13T00:00:00.000000Z'],
])('a phone whose clock shows %s', (_case, timestamp, completedAt) => {
  expect(claim({ timestamp })).toMatchObject({ ok: true, completedAt });
});

test.each([
  ['2025-11-12T23:59:59Z'],
  ['2024-11-20T06:00:00Z'],
  ['1969-12-31T23:59:59.999Z'],
  ['0001-01-01T00:00:00Z'],
  ['2025-11-21T00:00:00Z'],
  ['9999-12-31T23:59:59Z'],
  ['2569-11-20T06:00:00Z'],
])('%s is of no day that a phone may claim now', (timestamp) => {
  expect(claim({ timestamp })).toEqual({
    ok: false,
    errors: [{ field: 'timestamp', message: 'expected a day from 2025-11-13 to 2025-11-20' }],
  });
});

test('a phone is at most 14 hours ahead of UTC', () => {
  const until = (now: string) => claimableDays(new Date(now)).lastDay;
  expect(until('2025-11-20T09:59:59Z')).toBe('2025-11-20');
  expect(until('2025-11-20T10:00:00Z')).toBe('2025-11-21');
});

test.each([
  ['quest_id', { quest_id: '' }],
  ['quest_id', { quest_id: 5 }],
  ['user_id', { user_id: 'a/b' }],
  ['user_id', { user_id: undefined }],
  ['partner_id', { partner_id: 'x'.repeat(766) }],
  ['partner_id', { partner_id: '\ud83d' }],
  ['timestamp', { timestamp: 5 }],
  ['timestamp', { timestamp: 'yesterday' }],
  ['timestamp', { timestamp: '2025-02-30T06:00:00' }],
  ['timestamp', { timestamp: '2025-11-20' }],
  ['timestamp', { timestamp: '1970-01-01T00:00:00' }],
  ['timestamp', { timestamp: '2027-01-01T00:00:00' }],
  ['timestamp', { timestamp: '2568-11-20T06:01:00' }],
  ['timestamp', { timestamp: '2025-11-20T25:00:00' }],
  // Together too long for the key of a couple.
  ['partner_id', { user_id: 'x'.repeat(700), partner_id: 'y'.repeat(700) }],
  // The couple a_b_a_b_a may be a_b_a and b_a as well.
  ['partner_id', { user_id: 'a_b_a', partner_id: 'a_b' }],
])('a wrong %s is named', (field, change) => {
  const read = claim(change);
  expect(read.ok ? [] : read.errors).toEqual([{ field, message: expect.stringMatching(/\S/) }]);
});

test.each([[null], ['text'], [[]], [5]])('%j is no body', (body) => {
  const read = parsed(body);
  expect(read.ok ? [] : read.errors).not.toEqual([]);
});

test('a couple is the same from either side', () => {
  const id = fc.string({ unit: fc.constantFrom('a', 'B', '_', '\uffee', '😀'), minLength: 1 });
  fc.assert(
    fc.property(id, id, (a, b) => {
      expect(coupleIdOf(a, b)).toBe(coupleIdOf(b, a));
      expect(coupleIdOf(a, b)).toBe(a <= b ? `${a}_${b}` : `${b}_${a}`);
    }),
  );
});

test.each<[string, boolean]>([
  ['quest_1763618460006_quiz', true],
  ['Zoë ❤', true],
  ['x'.repeat(768), true],
  ['❤'.repeat(256), true],
  ['', false],
  ['x'.repeat(769), false],
  ['❤'.repeat(257), false],
  ...[...'.$#[]/\u0000\u001f\u007f'].map(
    (character) => [`a${character}b`, false] as [string, boolean],
  ),
  ['a\ude00', false],
])('%j is a key of RTDB’s: %s', (key, expected) => {
  const parsed = rtdbKeySchema.safeParse(key);
  expect(parsed.success).toBe(expected);
  for (const { message } of parsed.error?.issues ?? []) expect(message).toMatch(/^expected /);
});
