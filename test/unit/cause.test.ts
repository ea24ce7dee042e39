import type { LoggedDivergence } from '../../functions/src/completions-only/postgres/divergence-evidence';
import {
  type Circumstances,
  causeOf,
  causeOfLost,
  rtdbValueOf,
} from '../../functions/src/completions-only/reconcile/cause';
import type {
  LeafReading,
  RowReading,
} from '../../functions/src/completions-only/reconcile/compare-leaf';
import type { Mismatch } from '../../functions/src/completions-only/reconcile/mismatch';
import type { CoverageReason } from '../../functions/src/coverage/coverage';

/** Each rule's evidence, and what is next to it and no evidence; what produces it: causes.test.ts. */

const KEY = { coupleId: 'ann_bob', dateKey: '2025-11-19', questId: 'q', userId: 'ann' };
const NOON = '2025-11-19T12:00:00.000000Z';
const at = (clock: string, day = '2025-11-19') => `${day}T${clock}.000000Z`;
const TRUE: LeafReading = { completed: true, completedAt: NOON, payload: true };
const LIVE: RowReading = { payload: true, isTombstone: false };

function mismatchOf(change: Partial<Mismatch> = {}): Mismatch {
  return {
    key: KEY,
    kind: 'missing_in_postgres',
    leaf: TRUE,
    row: null,
    readAt: '2025-11-23T12:00:00.000000Z',
    isMoving: false,
    ...change,
  };
}
const MISSING_IN_RTDB = mismatchOf({ kind: 'missing_in_rtdb', leaf: null, row: LIVE });

function knownOf(change: Partial<Circumstances> = {}): Circumstances {
  return {
    leaf: { row: null, directWrite: null, divergences: [] },
    day: null,
    times: { beganOn: '2025-11-01', gaps: [] },
    now: new Date('2025-11-23T12:00:00Z'),
    retentionDays: 0,
    retryWindowMs: 24 * 3_600_000,
    ...change,
  };
}
const known = (
  leaf: Partial<Circumstances['leaf']>,
  change: Partial<Circumstances> = {},
): Circumstances =>
  knownOf({ ...change, leaf: { row: null, directWrite: null, divergences: [], ...leaf } });
const rowOf = (row: Partial<NonNullable<Circumstances['leaf']['row']>> = {}) => ({
  origin: 'rtdb',
  eventId: 'e1',
  eventTime: NOON,
  mirroredAt: at('12:00:01'),
  ...row,
});
const loggedOf = (change: Partial<LoggedDivergence>): LoggedDivergence => ({
  id: 7,
  kind: 'out_of_order',
  detectedBy: 'mirror',
  isOpen: true,
  isTie: false,
  rtdbValue: true,
  eventTime: NOON,
  firstSeenAt: at('13:00:00'),
  ...change,
});
const gapOf = (reason: CoverageReason, fromAt: string, toAt: string | null) =>
  knownOf({ times: { beganOn: '2025-11-01', gaps: [{ reason, fromAt, toAt }] } });

test('without evidence there is no cause', () => {
  expect(causeOf(mismatchOf(), knownOf())).toBeNull();
  expect(causeOf(MISSING_IN_RTDB, known({ row: rowOf() }))).toBeNull();
});

test('what changed between two readings is on its way, whatever else is known', () => {
  const moving = mismatchOf({ isMoving: true, leaf: { completed: null, value: 'x' } });
  expect(causeOf(moving, knownOf())).toEqual({
    cause: 'in_flight',
    evidence: { changed_between_readings: true },
  });
});

describe('rejected', () => {
  test('a value or a path that the mirror refuses', () => {
    expect(causeOf(mismatchOf({ leaf: { completed: null, value: 'x' } }), knownOf())).toEqual({
      cause: 'rejected',
      evidence: { refused: 'value' },
    });
    expect(causeOf(mismatchOf({ key: { ...KEY, questId: 'q\0' } }), knownOf())).toEqual({
      cause: 'rejected',
      evidence: { refused: 'path', fields: ['questId'] },
    });
  });

  const refusal = loggedOf({ kind: 'write_rejected' });
  test.each<[string, LoggedDivergence, Partial<Mismatch>, boolean]>([
    ['an open refusal of this value', refusal, {}, true],
    ['one that was resolved', { ...refusal, isOpen: false }, {}, false],
    ['one of another value', { ...refusal, rtdbValue: 5 }, {}, false],
    ['another kind of divergence', { ...refusal, kind: 'invalid_payload' }, {}, false],
    [
      'one of a deletion, where RTDB shows false',
      { ...refusal, rtdbValue: null },
      { kind: 'missing_in_rtdb', leaf: { completed: false, gone: false }, row: LIVE },
      true,
    ],
    ['one where RTDB holds nothing', { ...refusal, rtdbValue: null }, MISSING_IN_RTDB, false],
  ])('%s', (_case, divergence, change, isCause) => {
    expect(causeOf(mismatchOf(change), known({ divergences: [divergence] }))).toEqual(
      isCause ? { cause: 'rejected', evidence: { refused: 'write', divergence_id: 7 } } : null,
    );
  });
});

describe('a write past the mirror', () => {
  const write = { operation: 'update', writtenBy: 'admin', writtenAt: at('13:00:00') };
  test.each<[string, string, Partial<Mismatch>, Circumstances['leaf']['row'], boolean]>([
    ['a row deleted, and gone', 'delete', { row: null }, null, true],
    ['a row deleted, and there again', 'delete', { row: LIVE }, rowOf(), false],
    ['a row changed since the mirror', 'update', { row: LIVE }, rowOf(), true],
    ['just then', 'update', { row: LIVE }, rowOf({ mirroredAt: at('13:00:00') }), true],
    ['mirrored since', 'update', { row: LIVE }, rowOf({ mirroredAt: at('13:00:01') }), false],
    ['a row changed, and gone', 'update', { row: null }, null, false],
  ])('%s', (_case, operation, change, row, isCause) => {
    const mismatch = mismatchOf({ kind: 'value_mismatch', ...change });
    expect(causeOf(mismatch, known({ row, directWrite: { ...write, operation } }))).toEqual(
      isCause
        ? {
            cause: 'direct_postgres_write',
            evidence: { operation, written_by: 'admin', written_at: at('13:00:00') },
          }
        : null,
    );
  });
});

test.each<[string, Mismatch, string, boolean]>([
  ['an old app’s claim that RTDB never showed', MISSING_IN_RTDB, 'client', true],
  ['a row of the mirror’s', MISSING_IN_RTDB, 'rtdb', false],
  ['a claim that RTDB shows otherwise', mismatchOf({ kind: 'value_mismatch' }), 'client', false],
])('client only: %s', (_case, mismatch, origin, isCause) => {
  expect(causeOf(mismatch, known({ row: rowOf({ origin }) }))).toEqual(
    isCause ? { cause: 'client_without_rtdb', evidence: { row_origin: 'client' } } : null,
  );
});

describe('retention', () => {
  test.each<[string, Mismatch, number, boolean | null, boolean]>([
    ['a day that is older than is kept', MISSING_IN_RTDB, 3, null, true],
    ['a day just as old as is kept', MISSING_IN_RTDB, 4, null, false],
    ['a day whose removal was logged', MISSING_IN_RTDB, 4, true, true],
    ['a day of which something else was logged', MISSING_IN_RTDB, 4, false, false],
    ['a leaf that RTDB still shows', mismatchOf(), 3, true, false],
  ])('%s', (_case, mismatch, retentionDays, isRetained, isCause) => {
    const day = isRetained === null ? null : { overwrittenAt: null, isRetained };
    expect(causeOf(mismatch, known({ row: rowOf() }, { retentionDays, day }))).toEqual(
      isCause ? { cause: 'retention', evidence: { retention_days: retentionDays } } : null,
    );
  });
});

describe('a race', () => {
  const changed = mismatchOf({ kind: 'value_mismatch', row: { payload: 5, isTombstone: false } });
  test.each<[string, Partial<LoggedDivergence>, string | null, boolean]>([
    ['the loser came a second before', {}, at('12:00:01'), true],
    ['it came more than a second before', {}, '2025-11-19T12:00:01.001000Z', false],
    ['what lost is not what RTDB shows', { rtdbValue: 6 }, at('12:00:01'), false],
    ['the log has no time of it', { eventTime: null }, at('12:00:01'), false],
    ['the row stands for no event', {}, null, false],
    ['another kind of divergence', { kind: 'missed_event' }, at('12:00:01'), false],
    ['a tie has no time', { kind: 'value_mismatch', isTie: true, eventTime: null }, null, true],
  ])('%s', (_case, change, eventTime, isCause) => {
    const lost = loggedOf(change);
    const evidence = known({ row: rowOf({ eventTime }), divergences: [lost] });
    expect(causeOf(changed, evidence)).toEqual(
      isCause
        ? {
            cause: 'race',
            evidence: { divergence_id: 7, lost_event_time: lost.eventTime, tied: lost.isTie },
          }
        : null,
    );
  });

  test('a deletion may have lost as well', () => {
    const evidence = known({ row: rowOf(), divergences: [loggedOf({ rtdbValue: null })] });
    expect(causeOf(MISSING_IN_RTDB, evidence)).toMatchObject({ cause: 'race' });
    const shown = mismatchOf({ ...MISSING_IN_RTDB, leaf: { completed: false, gone: false } });
    expect(causeOf(shown, evidence)).toMatchObject({ cause: 'race' });
    expect(causeOf(changed, evidence)).toBeNull();
  });

  test('no row, no race', () => {
    expect(causeOf(mismatchOf(), known({ divergences: [loggedOf({})] }))).toBeNull();
  });
});

describe('a day overwritten', () => {
  const overwritten = (overwrittenAt: string | null) => ({
    day: { overwrittenAt, isRetained: false },
  });
  test.each<[string, Mismatch, string | null, string | null, boolean]>([
    ['after the row’s event', MISSING_IN_RTDB, at('13:00:00'), NOON, true],
    ['with the row’s event', MISSING_IN_RTDB, NOON, NOON, true],
    ['before the row’s event', MISSING_IN_RTDB, at('11:00:00'), NOON, false],
    ['a row that stands for no event', MISSING_IN_RTDB, at('11:00:00'), null, true],
    ['not overwritten', MISSING_IN_RTDB, null, NOON, false],
    ['a leaf that stands', mismatchOf({ kind: 'value_mismatch' }), at('13:00:00'), NOON, false],
  ])('%s', (_case, mismatch, overwrittenAt, eventTime, isCause) => {
    const evidence = known({ row: rowOf({ eventTime }) }, overwritten(overwrittenAt));
    expect(causeOf(mismatch, evidence)).toEqual(
      isCause ? { cause: 'ancestor_overwrite', evidence: { overwritten_at: overwrittenAt } } : null,
    );
  });

  test('a row that is gone can’t speak against it', () => {
    expect(causeOf(MISSING_IN_RTDB, known({}, overwritten(NOON)))).not.toBeNull();
  });
});

describe('mirroring off, when the write may have been made', () => {
  // The write of 19 November may have been made from the 18th, 10:00, to the 20th, 12:00 UTC.
  test.each<[CoverageReason, string, string | null, boolean]>([
    ['flag_off', at('09:00:00'), at('09:30:00'), true],
    ['percent', at('09:00:00'), at('09:30:00'), true],
    ['flag_off', at('12:00:00', '2025-11-20'), null, true],
    ['flag_off', at('12:00:01', '2025-11-20'), null, false],
    ['flag_off', at('00:00:00', '2025-11-01'), at('10:00:00', '2025-11-18'), true],
    ['flag_off', at('00:00:00', '2025-11-01'), at('09:59:59', '2025-11-18'), false],
    ['outage', at('09:00:00'), at('09:30:00'), false],
    ['canary_lost', at('09:00:00'), at('09:30:00'), false],
  ])('%s from %s to %s: %s', (reason, from_at, to_at, isCause) => {
    expect(causeOf(mismatchOf(), gapOf(reason, from_at, to_at))).toEqual(
      isCause
        ? { cause: 'flag_disabled', evidence: { coverage: { reason, from_at, to_at } } }
        : null,
    );
  });
});

describe('an outage whose events are still delivered', () => {
  const late = new Date('2025-11-20T08:00:00Z');
  const mismatch = mismatchOf({ readAt: '2025-11-20T08:00:00.000000Z' });
  test.each<[CoverageReason, string, string | null, boolean]>([
    ['outage', at('09:00:00'), at('09:30:00'), true],
    ['canary_lost', at('09:00:00'), null, true],
    ['outage', at('07:00:00'), at('08:00:00'), true],
    ['outage', at('07:00:00'), at('07:59:59'), false],
  ])('%s from %s to %s: %s', (reason, from_at, to_at, isCause) => {
    expect(causeOf(mismatch, { ...gapOf(reason, from_at, to_at), now: late })).toEqual(
      isCause ? { cause: 'in_flight', evidence: { coverage: { reason, from_at, to_at } } } : null,
    );
  });

  test.each([
    // The day is over at 12:00 of the 20th: 24 h later its last event has been given up.
    ['2025-11-21T12:00:00Z', true],
    ['2025-11-21T12:00:01Z', false],
  ])('at %s: %s', (now, isCause) => {
    const lasting = { ...gapOf('outage', at('09:00:00'), null), now: new Date(now) };
    expect(causeOf(mismatchOf(), lasting) !== null).toBe(isCause);
  });
});

test.each<[string, Mismatch, string, boolean]>([
  ['a day before mirroring', mismatchOf(), '2025-11-20', true],
  ['the day it began', mismatchOf(), '2025-11-19', true],
  ['a day after', mismatchOf(), '2025-11-18', false],
  ['a tombstone tells of an event', mismatchOf({ row: LIVE }), '2025-11-20', false],
  ['a row alone tells of nothing', { ...MISSING_IN_RTDB, row: null }, '2025-11-20', false],
])('before mirroring: %s', (_case, mismatch, beganOn, isCause) => {
  expect(causeOf(mismatch, knownOf({ times: { beganOn, gaps: [] } }))).toEqual(
    isCause ? { cause: 'before_mirroring', evidence: { began_on: beganOn } } : null,
  );
});

describe('an event that can’t come any more', () => {
  const UNKNOWN = { cause: 'unknown', evidence: {} };
  const exhausted = (retries_ended_at: string, reckoned_from: string) => ({
    cause: 'retries_exhausted',
    evidence: { retries_ended_at, reckoned_from },
  });
  const endOfDay = exhausted(at('12:00:00', '2025-11-21'), 'end_of_day');

  test.each([
    ['2025-11-21T12:00:00Z', endOfDay],
    ['2025-11-21T11:59:59Z', UNKNOWN],
  ])('a day’s first write, at %s', (now, expected) => {
    expect(causeOfLost(mismatchOf(), knownOf({ now: new Date(now) }))).toEqual(expected);
  });

  test('a value that tells its own time dates its write', () => {
    const payload = Date.parse(NOON);
    const leaf: LeafReading = { completed: true, completedAt: NOON, payload };
    const expected = exhausted(at('12:00:00', '2025-11-20'), 'completed_at');
    expect(causeOfLost(mismatchOf({ leaf }), knownOf())).toEqual(expected);
    const changed = mismatchOf({ kind: 'value_mismatch', leaf, row: LIVE });
    expect(causeOfLost(changed, knownOf())).toEqual(expected);
  });

  const sighting = loggedOf({ kind: 'value_mismatch', detectedBy: 'reconciler' });
  const changed = mismatchOf({ kind: 'value_mismatch', row: { payload: 5, isTombstone: false } });
  test.each<[string, Partial<LoggedDivergence>, object]>([
    ['seen as it is', {}, exhausted(at('13:00:00', '2025-11-20'), 'first_seen_at')],
    ['seen by the mirror', { detectedBy: 'mirror' }, UNKNOWN],
    ['seen, and resolved', { isOpen: false }, UNKNOWN],
    ['seen as another kind', { kind: 'missing_in_rtdb' }, UNKNOWN],
    ['seen with another value', { rtdbValue: 6 }, UNKNOWN],
  ])('a change that was %s', (_case, change, expected) => {
    const evidence = known({ divergences: [{ ...sighting, ...change }] });
    expect(causeOfLost(changed, evidence)).toEqual(expected);
  });

  test('the earliest of what is known counts', () => {
    const seen = { ...sighting, kind: 'missing_in_postgres' };
    expect(causeOfLost(mismatchOf(), known({ divergences: [seen] }))).toEqual(
      exhausted(at('13:00:00', '2025-11-20'), 'first_seen_at'),
    );
    const later = { ...seen, firstSeenAt: at('13:00:00', '2025-11-22') };
    expect(causeOfLost(mismatchOf(), known({ divergences: [later] }))).toEqual(endOfDay);
  });

  test.each<[CoverageReason, boolean]>([
    ['outage', true],
    ['canary_lost', true],
    ['flag_off', false],
  ])('what was away then is told: %s', (reason, isTold) => {
    const { evidence } = causeOfLost(mismatchOf(), gapOf(reason, at('09:00:00'), null));
    expect(evidence.coverage).toEqual(
      isTold ? { reason, from_at: at('09:00:00'), to_at: null } : undefined,
    );
  });
});

test.each<[string, LeafReading | null, unknown]>([
  ['nothing', null, null],
  ['false', { completed: false, gone: false }, null],
  ['a completion', { completed: true, completedAt: NOON, payload: 5 }, 5],
  ['a value that the mirror refuses', { completed: null, value: 'a\u0000' }, 'a\\u0000'],
])('the log shows %s of RTDB', (_case, leaf, expected) => {
  expect(rtdbValueOf(mismatchOf({ leaf }))).toEqual(expected);
});
