import type { LeafReading } from '../../functions/src/completions-only/reconcile/compare-leaf';
import type { Mismatch } from '../../functions/src/completions-only/reconcile/mismatch';
import { ownTimeOf, spanOfWrite } from '../../functions/src/completions-only/reconcile/write-span';

const NOON = '2025-11-19T12:00:00.000000Z';
const NOON_MS = Date.parse(NOON);
const NOW = new Date('2025-11-23T12:00:00Z');
const leafOf = (payload: true | number | { completedAt: number }): LeafReading => ({
  completed: true,
  completedAt: NOON,
  payload,
});
const mismatchOf = (change: Partial<Mismatch> = {}): Mismatch => ({
  key: { coupleId: 'ann_bob', dateKey: '2025-11-19', questId: 'q', userId: 'ann' },
  kind: 'missing_in_postgres',
  leaf: leafOf(true),
  row: null,
  readAt: '2025-11-23T12:00:00.000000Z',
  isMoving: false,
  ...change,
});

test.each<[string, LeafReading | null, number | null]>([
  ['a number', leafOf(NOON_MS), NOON_MS],
  ['an object', leafOf({ completedAt: NOON_MS }), NOON_MS],
  ['true', leafOf(true), null],
  ['a time of a phone that is days ahead', leafOf(NOW.getTime() + 3 * 86_400_000), null],
  ['false', { completed: false, gone: false }, null],
  ['a value that the mirror refuses', { completed: null, value: NOON_MS }, null],
  ['nothing', null, null],
])('the time that %s tells of itself', (_case, leaf, expected) => {
  expect(ownTimeOf({ leaf }, NOW)).toBe(expected);
});

const own = { leaf: leafOf(NOON_MS) };
const OWN_SPAN = ['2025-11-19T11:55:00.000Z', '2025-11-19T12:05:00.000Z'];
const DAY = ['2025-11-18T10:00:00.000Z', '2025-11-20T12:00:00.000Z'];
const READ = '2025-11-23T12:00:00.000Z';

test.each<[string, Partial<Mismatch>, string | null, (string | undefined)[]]>([
  ['by its own time, give or take a phone’s clock', own, null, OWN_SPAN],
  ['by its own time, that of the row’s event', own, NOON, OWN_SPAN],
  [
    'not by a time before the row’s event',
    own,
    '2025-11-19T12:00:00.001000Z',
    ['2025-11-19T12:00:00.001Z', READ],
  ],
  ['a first write: on its day', {}, null, DAY],
  [
    'a first write that was read on its day',
    { readAt: '2025-11-19T15:00:00.000000Z' },
    null,
    [DAY[0], '2025-11-19T15:00:00.000Z'],
  ],
  ['a write after an event: until it was read', {}, NOON, ['2025-11-19T12:00:00.000Z', READ]],
  ['an event before the day', {}, '2025-11-01T00:00:00.000000Z', [DAY[0], READ]],
  ['a change', { kind: 'value_mismatch' }, null, [DAY[0], READ]],
  ['a deletion', { kind: 'missing_in_rtdb', leaf: null }, null, [DAY[0], READ]],
])('when it was written: %s', (_case, change, rowEventTime, expected) => {
  const { fromMs, toMs } = spanOfWrite(mismatchOf(change), rowEventTime, NOW);
  expect([new Date(fromMs).toISOString(), new Date(toMs).toISOString()]).toEqual(expected);
});
