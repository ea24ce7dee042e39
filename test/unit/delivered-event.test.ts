import { readDeliveredEvent } from '../../functions/src/mirror/delivered-event';
import { completionEvent } from '../support/cloud-event';

test.each([undefined, null, 17, 'text', true, [], {}])(
  '%j is an event that brought nothing',
  (raw) => {
    expect(readDeliveredEvent(raw)).toMatchObject({ hasData: false, before: null, after: null });
  },
);

test.each([
  ['both', { data: 1, delta: 2 }, { hasData: true, before: 1, after: 2 }],
  ['no delta: null, so a deletion', { data: 1 }, { hasData: true, before: 1, after: null }],
  ['no data: null, so a creation', { delta: 2 }, { hasData: true, before: null, after: 2 }],
  ['what is only inherited', Object.create({ data: 1, delta: 2 }), { hasData: false }],
  ['a list', [1], { hasData: false }],
])('an event whose data has %s', (_case, data, expected) => {
  expect(readDeliveredEvent({ ...completionEvent(), data })).toMatchObject(expected);
});

test.each([
  ['binary', { authid: 'push%3Atoken%20%C3%A9' }, 'push:token é'],
  ['structured', { authid: 'a%20b', datacontenttype: 'application/json' }, 'a%20b'],
])('the writer of a %s event is read as its ref is', (_mode, event, authId) => {
  expect(readDeliveredEvent(event).authId).toBe(authId);
});

test.each([
  ['the path of a leaf, slashes at its ends apart', '/a/b%41/', 'a/b%41'],
  ['an encoded one', 'a/%C3%A9', 'a/é'],
  ['nothing', undefined, ''],
  ['no text', 7, ''],
])('the ref of a binary event: %s', (_case, ref, expected) => {
  expect(readDeliveredEvent({ ref }).ref).toBe(expected);
});
