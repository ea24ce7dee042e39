import { pathOfRef } from '../../functions/src/mirror/delivered-event';
import { parseLeafEvent } from '../../functions/src/mirror/leaf-event';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import { REF, writeOf } from '../support/mirror';

const parse = (change: object = {}) =>
  parseLeafEvent({ ...writeOf({ id: 'e1' }), ...change }, questCompletions);
const issuesOf = (change: object) => {
  const event = parse(change);
  return event.kind === 'invalid' ? event.issues : [];
};

test('a write is a claim about a leaf at a version', () => {
  expect(parse({ before: 5, time: '2025-11-19T13:00:00.5+01:00' })).toMatchObject({
    ref: REF,
    eventId: 'e1',
    eventTime: '2025-11-19T12:00:00.500000Z',
    after: { payload: true, gone: false, columns: { completed_at: '2025-11-19T12:00:00.500000Z' } },
    before: { payload: 5 },
  });
});

test('a value before that is refused is not known, and refuses nothing', () => {
  expect(parse({ before: 'yes' })).toMatchObject({ before: null, after: { payload: true } });
});

test.each([
  ['id', { id: '' }],
  ['id', { id: 7 }],
  ['id', { id: 'e\u0000' }],
  ['time', { time: 'yesterday' }],
  ['time', { time: 1763553600000 }],
  ['data', { hasData: false }],
  ['ref', { ref: '' }],
  ['dateKey', { ref: REF.replace('2025-11-19', '2025-02-30') }],
  ['value', { after: 'yes' }],
])('an event with a wrong %s is invalid: %j', (field, change) => {
  expect(parse(change).kind).toBe('invalid');
  expect(issuesOf(change)).toEqual([{ field, message: expect.stringMatching(/^expected \S/) }]);
});

test('all that is wrong is told at once, and what is right is kept', () => {
  const change = {
    id: '',
    time: '',
    hasData: false,
    ref: REF.replace('11-19', '02-30'),
    after: 'no',
  };
  expect(issuesOf(change).map(({ field }) => field)).toEqual([
    ...['id', 'time', 'data'],
    ...['dateKey', 'value'],
  ]);
  expect(parse({ after: [null, 'no'], id: '' })).toMatchObject({
    ref: REF,
    place: {
      ...{ shard: 'alice_bob', day: '2025-11-19' },
      key: { couple_id: 'alice_bob', quest_id: 'quest_1', user_id: 'bob' },
    },
    eventId: null,
    eventTime: '2025-11-19T12:00:00.000000Z',
    value: [null, 'no'],
  });
});

test.each([
  ['app_user', 'app_user'],
  [undefined, 'unknown'],
  ['', 'unknown'],
  [7, 'unknown'],
])('a writer of the kind %j is %s', (authType, expected) => {
  const origin = { instance: 'i', databaseHost: 'h', authType: expected, authId: 'u' };
  const event = parse({ instance: 'i', databaseHost: 'h', authType, authId: 'u' });
  expect(event.origin).toEqual(origin);
});

test('what an event does not name is null', () => {
  const event = parse({ instance: 7, databaseHost: '', authId: 'a\ud83d' });
  expect(event.origin).toMatchObject({ instance: null, databaseHost: null, authId: null });
});

test.each([
  ['slashes at both ends, however many', '//a//b//', true, 'a//b'],
  ['an encoded slash', 'a%2Fb', false, 'a/b'],
  ['a percent that is no escape beside one that is', 'a/%41%zz', false, 'a/%41%zz'],
  ['lower-case digits', 'a/%c3%a9', false, 'a/é'],
  ['Latin-1 beside what Latin-1 has not', 'a/Ã©❤', false, 'a/Ã©❤'],
  ['the last of Latin-1', 'a/Ã¿', false, 'a/ÿ'],
  ['an escaped space', 'a/b%20c', false, 'a/b c'],
  ['an escaped percent', 'a/50%25', false, 'a/50%'],
  // Nobody encodes these, so the author of the key wrote the escape out.
  ['an escaped letter', 'a/%41', false, 'a/%41'],
  ['an escaped dot, which no key holds', 'a/b%2Ecom', false, 'a/b%2Ecom'],
  ['an escaped slash beside a literal one', 'a/b%2Fc', false, 'a/b%2Fc'],
  ['a literal space, as no encoder leaves it', 'a/b c%20d', false, 'a/b c%20d'],
  ['raw UTF-8 beside an escape', 'a/GrÃ¶Ã\u009fe%20x', false, 'a/Größe%20x'],
  ['escapes that are no UTF-8', 'a/%ff%20', false, 'a/%ff%20'],
])('a ref with %s', (_case, ref, structured, path) => {
  expect(pathOfRef(ref, structured)).toBe(path);
});
