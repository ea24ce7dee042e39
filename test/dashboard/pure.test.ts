import { isLocal } from '../../functions/src/dashboard/app';
import { csvCell } from '../../functions/src/dashboard/export-divergences';
import { agesOf } from '../../functions/src/dashboard/paths-view';
import { flagState } from '../../functions/src/dashboard/verdict-view';
import { hrefOf, parseViewQuery } from '../../functions/src/dashboard/view-query';

const since = '2025-11-20T01:00:00.000000Z';

test('the flag is off where an instance saw it off, whatever is deployed here', () => {
  const off = [{ obstacles: [] }, { obstacles: [{ code: 'off' as const, since }] }];
  const percent = [{ obstacles: [{ code: 'percent' as const, since }] }];
  const outage = [{ obstacles: [{ code: 'outage' as const, since }] }];
  expect(flagState(off, true)).toEqual({ state: 'off', since });
  expect(flagState([...percent, ...off], true)).toEqual({ state: 'off', since });
  expect(flagState(percent, true)).toEqual({ state: 'percent', since });
  expect(flagState(outage, true)).toEqual({ state: 'on', since: null });
  expect(flagState([], false)).toEqual({ state: 'off', since: null });
});

test('readings are told by how long ago they were, up to 48 hours', () => {
  const byHours = Array.from({ length: 49 }, (_, hours) => hours + 1);
  const before = Array.from({ length: 25 }, (_, n) => n + 25).reduce((sum, n) => sum + n, 0);
  expect(agesOf({ byHours, unread: 3 })).toEqual([1, 2 + 3 + 4 + 5 + 6, 279, before, 3]);
});

test.each([
  ['127.0.0.1', 'localhost:5001', true],
  ['::1', '[::1]:5001', true],
  ['::ffff:127.0.0.1', '127.0.0.1', true],
  [undefined, 'localhost:5001', true],
  ['127.0.0.1', 'rebound.example:5001', false],
  ['127.0.0.1', 'localhost.example', false],
  ['127.0.0.1', '127.0.0.1.nip.example', false],
  ['127.0.0.1', 'localhost@evil.example', false],
  ['127.0.0.1', undefined, false],
  ['192.168.1.7', 'localhost:5001', false],
  ['1127.0.0.1', 'localhost', false],
])('in the emulator, from %s for %s: %s', (remoteAddress, host, isAllowed) => {
  expect(isLocal({ remoteAddress, host })).toBe(isAllowed);
});

test.each([
  ['=1+1', `"'=1+1"`],
  ['+49', `"'+49"`],
  ['-2', `"'-2"`],
  ['@SUM(A1)', `"'@SUM(A1)"`],
  [' \u00a0=cmd', `"' \u00a0=cmd"`],
  ['\t=cmd', '"\\u0009=cmd"'],
  ['＝1', `"'＝1"`],
  ['a"b', '"a""b"'],
  ['one\r\ntwo', '"one\\u000d\\u000atwo"'],
  ['\u202egpj', '"\\u202egpj"'],
  [null, ''],
  [7, '7'],
])('a cell of %j in CSV is %s', (value, cell) => {
  expect(csvCell(value)).toBe(cell);
});

test('an address that says nothing sensible shows the default view', () => {
  const nonsense = {
    ...{ kind: 'gremlin', cause: "'; drop", severity: '', state: 'x', sort: '-password' },
    ...{ page: '-1', span: '1y', story: 'NaN', day: '2025-02-31', couple: '\0' },
  };
  expect(parseViewQuery(nonsense)).toEqual(parseViewQuery({}));
  expect(hrefOf(parseViewQuery(nonsense))).toBe('?');
});

test('an address holds what was asked, and comes back the same', () => {
  const query = parseViewQuery({
    ...{ kind: 'out_of_order', state: 'all', couple: 'a&b=c_d#e', day: '2025-11-20' },
    ...{ sort: 'times_seen', page: '3', span: '7d', story: '12', path: 'lp_awards' },
  });
  const href = hrefOf(query);
  expect(parseViewQuery(Object.fromEntries(new URLSearchParams(href)))).toEqual(query);
});
