import { encodeHeaderValue } from '../../rtdb-standin/triggers/event-request';

test.each([
  ['plain/a-b_c:1', 'plain/a-b_c:1'],
  ['a b', 'a%20b'],
  ['50%', '50%25'],
  ['"', '%22'],
  ['é', '%C3%A9'],
  ['\n', '%0A'],
])('header value %j becomes %s', (value, expected) => {
  expect(encodeHeaderValue(value)).toBe(expected);
});
