import { coverageShare } from '../../functions/src/completions-only/dashboard/coverage-share';
import { csvCell } from '../../functions/src/completions-only/dashboard/csv';
import { flagState } from '../../functions/src/completions-only/dashboard/flag-state';
import { isLocal } from '../../functions/src/completions-only/dashboard/local-only';
import { hrefOf, parseViewQuery } from '../../functions/src/completions-only/dashboard/view-query';
import type { CoverageGap } from '../../functions/src/completions-only/postgres/gate-evidence';

const instant = (time: string) => `2025-11-20T${time}:00.000000Z`;
const gap = (from: string, to: string | null, reason = 'outage') =>
  ({ fromAt: instant(from), toAt: to && instant(to), reason, detail: null }) as CoverageGap;
const window = { fromAt: instant('00:00'), toAt: instant('10:00') };

test.each<[string, CoverageGap[], number]>([
  ['no gap', [], 1],
  ['one of an hour', [gap('01:00', '02:00')], 0.9],
  ['two that overlap', [gap('01:00', '03:00'), gap('02:00', '04:00')], 0.7],
  ['one within another', [gap('01:00', '05:00'), gap('02:00', '03:00')], 0.6],
  ['one that is not over', [gap('09:00', null)], 0.9],
  ['one that ended before', [{ ...gap('01:00', null), fromAt: '2025-11-19T01:00:00.000000Z' }], 0],
])('coverage of a window with %s', (_case, gaps, share) => {
  expect(coverageShare(window, gaps)).toBeCloseTo(share, 10);
});

test('the flag is off where an instance saw it off, whatever is deployed here', () => {
  expect(flagState([gap('01:00', null, 'flag_off')], true)).toMatchObject({
    ...{ state: 'off', since: instant('01:00') },
  });
  expect(flagState([gap('01:00', null, 'percent')], true)).toMatchObject({ state: 'percent' });
  expect(flagState([gap('01:00', '02:00', 'flag_off')], true)).toMatchObject({ state: 'on' });
  expect(flagState([], false)).toMatchObject({ state: 'off', since: null });
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
    ...{ kind: 'late', state: 'all', couple: 'a&b=c_d#e', day: '2025-11-20' },
    ...{ sort: 'times_seen', page: '3', span: '7d', story: '12' },
  });
  const href = hrefOf(query);
  expect(parseViewQuery(Object.fromEntries(new URLSearchParams(href)))).toEqual(query);
});
