import { causeOf } from '../../functions/src/readings/cause';
import { causeOfMissed, type MissedEvent } from '../../functions/src/readings/cause-of-missed';
import type { Circumstances, PastWrite } from '../../functions/src/readings/circumstances';
import type { Row } from '../../functions/src/readings/compare-key';
import { groupLosses, type Loss, massWriteOf } from '../../functions/src/readings/fan-out';
import type { Gap } from '../../functions/src/readings/gap-span';
import { PROOF_TIMES } from '../../functions/src/readings/proof-times';

const at = (time: string, day = '26') => `2026-11-${day}T${time}.000000Z`;

const ROW: Row = {
  ...{ parts: ['a_b', '2026-11-26', 'q', 'a'], payload: true, columns: {}, origin: 'rtdb' },
  ...{ eventId: 'e1', eventTime: at('09:00:00'), isTombstone: false, mirroredAt: at('09:00:01') },
};

const SHARD: Circumstances['shard'] = {
  ...{ beganAt: at('00:00:00', '01'), isOlderPossible: true, bornAfter: null },
  ...{ gaps: [], truncated: null },
};

/** A leaf that Postgres lacks, written between ten and twelve. */
function known(more: Partial<Circumstances> = {}, row: Row | null = null): Circumstances {
  return {
    ...{ kind: 'missing_in_postgres', ref: 'daily_quests/a_b/2026-11-26/completions/q/a' },
    compared: {
      ...{ ref: 'daily_quests/a_b/2026-11-26/completions/q/a', parts: ROW.parts, columns: {} },
      ...{ state: 'missing_in_postgres', rtdb: true, refusals: [], row },
    },
    ...{ writtenAfter: at('10:00:00'), writtenBefore: at('12:00:00'), readAt: at('12:01:00') },
    ...{ isOver: false, day: '2026-11-26', ownTime: null, shard: SHARD },
    key: { direct: null, logged: [] },
    dayEvidence: { overwrites: [], retained: null },
    times: PROOF_TIMES,
    ...more,
  };
}

const gap = (
  reason: Gap['reason'],
  fromAt: string,
  toAt: string | null,
  isOut: Gap['isOut'] = true,
) => ({
  ...{ reason, fromAt, toAt, isOut },
});

const withGaps = (...gaps: Gap[]) => known({ shard: { ...SHARD, gaps } });

test.each([
  ['all of the bounds', [gap('flag_off', at('08:00:00'), null)], 'flag_disabled'],
  ['the bounds exactly', [gap('flag_off', at('10:00:00'), at('12:00:00'))], 'flag_disabled'],
  ['all but a minute', [gap('flag_off', at('10:01:00'), null)], 'flag_disabled'],
  ['all but a tenth', [gap('flag_off', at('10:12:00'), null)], 'flag_disabled'],
  ['a little less', [gap('flag_off', at('10:13:00'), null)], 'unknown'],
  ['half of them', [gap('flag_off', at('11:00:00'), null)], 'unknown'],
  ['61 seconds', [gap('flag_off', at('11:00:00'), at('11:01:01'))], 'unknown'],
  ['nothing, before', [gap('flag_off', at('03:00:00'), at('09:59:59'))], 'unknown'],
  ['nothing, after', [gap('flag_off', at('12:00:01'), null)], 'unknown'],
  ['a percent, out', [gap('percent', at('08:00:00'), null)], 'flag_disabled'],
  ['a percent, in', [gap('percent', at('08:00:00'), null, false)], 'unknown'],
  ['a percent, unsure', [gap('percent', at('08:00:00'), null, null)], 'unknown'],
  [
    'two that meet',
    [gap('flag_off', at('08:00:00'), at('11:00:00')), gap('percent', at('11:00:30'), null)],
    'flag_disabled',
  ],
  [
    'two that overlap and leave an hour',
    [
      gap('flag_off', at('08:00:00'), at('10:40:00')),
      gap('flag_off', at('10:20:00'), at('11:00:00')),
    ],
    'unknown',
  ],
  ['a restore', [gap('restored', at('09:00:00'), at('11:00:00'))], 'restored'],
  ['a restore of before', [gap('restored', at('07:00:00'), at('09:00:00'))], 'unknown'],
  ['an outage', [gap('outage', at('11:00:00'), at('11:02:00'))], 'in_flight'],
  ['an outage of before', [gap('outage', at('08:00:00'), at('09:02:00'))], 'unknown'],
  ['a lost canary that lasts', [gap('canary_lost', at('11:50:00'), null)], 'in_flight'],
] as const)('an interval that covers %s', (_, gaps, cause) => {
  expect(causeOf(withGaps(...gaps)).cause).toBe(cause);
});

test.each([
  ['an event of before, held up', '09:30:00', 'restored'],
  ['an event of after', '11:30:00', 'unknown'],
] as const)('after a restore the row was written by %s', (_what, time, cause) => {
  const row = { ...ROW, payload: false, eventTime: at(time), mirroredAt: at('11:30:01') };
  const gaps = [gap('restored', at('10:30:00'), at('11:00:00'))];
  const judged = causeOf(known({ kind: 'value_mismatch', shard: { ...SHARD, gaps } }, row));
  expect(judged.cause).toBe(cause);
});

test.each([
  ['while its event was retried', '20:00:00', '21:00:00', 'unknown'],
  ['once its retries were over', '22:00:00', '23:00:00', 'retries_exhausted'],
] as const)('a store that was set back %s: %s to %s is %s', (_when, from, to, cause) => {
  const day = cause === 'unknown' ? '26' : '27';
  const restore = gap('restored', at(from, day), at(to, day));
  const late = { ...withGaps(restore), readAt: at('23:30:00', '28') };
  expect(causeOf(late).cause).toBe(cause);
});

test('what touches the bounds, and does not cover them, is told as possible, with its share', () => {
  const judged = causeOf(withGaps(gap('flag_off', at('11:00:00'), at('11:30:00'))));
  expect(judged).toEqual({
    ...{ cause: 'unknown', evidence: {} },
    possible: [{ reason: 'flag_off', from_at: at('11:00:00'), to_at: at('11:30:00'), share: 0.25 }],
  });
});

test.each([
  ['12:01:00', '26', 'in_flight'],
  ['11:01:00', '27', 'in_flight'],
  ['11:03:00', '27', 'unknown'],
  ['12:00:00', '27', 'retries_exhausted'],
])('an outage until 11:02, read at %s of day %s', (time, day, cause) => {
  const outage = gap('outage', at('11:00:00'), at('11:02:00'));
  expect(causeOf({ ...withGaps(outage), readAt: at(time, day) }).cause).toBe(cause);
});

test('where mirroring was off for a part of the bounds, nobody knows whether the retries ran out', () => {
  const late = { readAt: at('12:01:00', '27') };
  const off = withGaps(gap('flag_off', at('11:00:00'), at('11:30:00')));
  expect(causeOf({ ...off, ...late })).toMatchObject({
    cause: 'unknown',
    possible: [{ reason: 'flag_off', share: 0.25 }],
  });
  const wasIn = withGaps(gap('percent', at('11:00:00'), at('11:30:00'), false));
  expect(causeOf({ ...wasIn, ...late }).cause).toBe('retries_exhausted');
});

test.each([
  ['ended before the look', at('11:59:00'), 'unknown'],
  ['lasts', null, 'flag_disabled'],
])(
  'a row that came while the look went on is older than what is missing: a pause that %s',
  (_, to, cause) => {
    const row = { ...ROW, eventTime: at('12:00:05'), mirroredAt: at('12:00:06') };
    const gaps = [gap('flag_off', SHARD.beganAt, to)];
    const { compared } = known({}, row);
    const more: Partial<Circumstances> = { kind: 'missing_in_rtdb', compared, writtenAfter: null };
    expect(causeOf(known({ ...more, shard: { ...SHARD, gaps } })).cause).toBe(cause);
  },
);

const DIRECT: PastWrite = {
  ...{
    operation: 'delete',
    writtenBy: 'ann',
    at: at('11:00:00'),
    isChange: true,
    newPayload: null,
  },
};
const UPDATE: PastWrite = { ...DIRECT, operation: 'update', newPayload: 5 };
const mismatch = (row: Partial<Row>): Partial<Circumstances> => {
  const base = known({}, { ...ROW, payload: 5, ...row });
  return { kind: 'value_mismatch', compared: base.compared };
};

test.each<[string, PastWrite, Partial<Circumstances>, string]>([
  ['a deletion within the bounds', DIRECT, {}, 'direct_postgres_write'],
  ['before them', { ...DIRECT, at: at('09:59:59') }, {}, 'unknown'],
  [
    'while the look that found it went on',
    { ...DIRECT, at: at('12:00:20') },
    {},
    'direct_postgres_write',
  ],
  ['after them', { ...DIRECT, at: at('12:00:31') }, {}, 'unknown'],
  ['one without a change', { ...DIRECT, isChange: false }, {}, 'unknown'],
  ['one before the value by its own time', DIRECT, { ownTime: at('11:30:00') }, 'unknown'],
  ['one after it', DIRECT, { ownTime: at('10:30:00') }, 'direct_postgres_write'],
  ['one of days before the value’s day', DIRECT, { day: '2026-11-29' }, 'unknown'],
  ['a deletion of a row that stands', DIRECT, mismatch({}), 'unknown'],
  ['an update that stands', UPDATE, mismatch({}), 'direct_postgres_write'],
  ['one that was written over', UPDATE, mismatch({ mirroredAt: at('11:30:00') }), 'unknown'],
  ['one to another payload', UPDATE, mismatch({ payload: 6 }), 'unknown'],
  ['an update where no row is', UPDATE, {}, 'unknown'],
])('a write past the mirror: %s', (_, direct, more, cause) => {
  expect(causeOf(known({ key: { direct, logged: [] }, ...more })).cause).toBe(cause);
});

test.each(['delete', 'truncate'])(
  'what a restore does to the table, such as %s, is its own',
  (operation) => {
    const gaps = [gap('restored', at('10:30:00'), at('11:30:00'))];
    const truncated = { at: at('11:00:00'), writtenBy: 'ann' };
    const direct = { ...DIRECT, operation };
    const judged = causeOf(
      known({ key: { direct, logged: [] }, shard: { ...SHARD, gaps, truncated } }),
    );
    expect(judged.cause).toBe('restored');
  },
);

test.each<[string, Partial<Circumstances>, string]>([
  ['within the bounds', {}, 'direct_postgres_write'],
  ['before them', { writtenAfter: at('11:30:00') }, 'unknown'],
  ['before the value by its own time', { ownTime: at('11:30:00') }, 'unknown'],
  ['where the row is there again', { compared: known({}, ROW).compared }, 'unknown'],
  ['of another kind of difference', { kind: 'missing_in_rtdb' }, 'unknown'],
  ['of which nothing but the number of keys is known', { compared: null }, 'direct_postgres_write'],
  [
    'that a backfill has filled',
    { isOver: true, compared: known({}, ROW).compared },
    'direct_postgres_write',
  ],
])('TRUNCATE %s', (_, more, cause) => {
  const truncated = { at: at('11:00:00'), writtenBy: 'ann' };
  expect(causeOf(known({ shard: { ...SHARD, truncated }, ...more })).cause).toBe(cause);
});

test.each<[string, Partial<Circumstances>, string]>([
  ['a day of before', { day: '2026-10-01' }, 'before_mirroring'],
  ['a path without a day', { day: null }, 'before_mirroring'],
  ['the day after, which a phone may have', { day: '2026-11-02' }, 'before_mirroring'],
  ['a later day', { day: '2026-11-03' }, 'unknown'],
  ['its own time later', { day: null, ownTime: at('00:00:01', '01') }, 'unknown'],
  [
    'its own time earlier',
    { day: null, ownTime: '2026-10-31T23:59:59.000000Z' },
    'before_mirroring',
  ],
  ['once it agreed', { day: null, writtenAfter: at('10:00:00') }, 'unknown'],
  [
    'a shard that came later',
    { day: null, shard: { ...SHARD, isOlderPossible: false } },
    'unknown',
  ],
  ['a row of before', { day: null, compared: known({}, ROW).compared }, 'unknown'],
  ['other differences', { day: null, kind: 'missing_in_rtdb' }, 'unknown'],
])('before mirroring began: %s', (_, more, cause) => {
  expect(causeOf(known({ writtenAfter: null, ...more })).cause).toBe(cause);
});

test('what began to be mirrored while it was off, and says that it is younger, was lost by that', () => {
  const gaps = [gap('flag_off', SHARD.beganAt, null)];
  const more = { writtenAfter: null, ownTime: at('05:00:00'), shard: { ...SHARD, gaps } };
  expect(causeOf(known(more)).cause).toBe('flag_disabled');
});

test.each([
  ['by hand', DIRECT, 'unknown'],
  ['by an update', { ...UPDATE, isChange: false, newPayload: true }, 'direct_postgres_write'],
])('columns differ %s alone, never by a gap', (_, direct, cause) => {
  const judged = causeOf({
    ...known({}, ROW),
    kind: 'column_mismatch',
    key: { direct, logged: [] },
    shard: { ...SHARD, gaps: [gap('flag_off', at('08:00:00'), null)] },
    readAt: at('12:00:00', '28'),
  });
  expect(judged).toMatchObject({ cause, possible: [] });
});

const MISSED: MissedEvent = {
  ...{ holes: [{ from: at('10:00:00'), to: at('10:30:00') }], postgresValue: 5, gaps: [] },
  ...{
    eventTime: at('10:30:00'),
    firstSeenAt: at('10:30:02'),
    direct: null,
    nowAt: at('11:00:00'),
    times: PROOF_TIMES,
  },
};

test.each<[string, Partial<MissedEvent>, string | null]>([
  ['nothing is known, and it may come', {}, null],
  ['its retries are over', { nowAt: at('10:30:00', '27') }, 'retries_exhausted'],
  ['the flag was off', { gaps: [gap('flag_off', at('09:00:00'), null)] }, 'flag_disabled'],
  ['the flag was off for a part of it', { gaps: [gap('flag_off', at('10:20:00'), null)] }, null],
  ['its shard was in', { gaps: [gap('percent', at('09:00:00'), null, false)] }, null],
  [
    'there is another gap',
    {
      gaps: [gap('flag_off', at('09:00:00'), null)],
      holes: [...MISSED.holes, { from: at('07:00:00'), to: at('08:00:00') }],
    },
    null,
  ],
  [
    'nobody knows since when',
    {
      holes: [{ from: '-infinity', to: at('10:30:00') }],
      gaps: [gap('flag_off', at('09:00:00'), null)],
    },
    null,
  ],
  [
    'somebody wrote the row',
    { direct: { ...UPDATE, at: at('10:10:00') } },
    'direct_postgres_write',
  ],
  ['somebody wrote it before', { direct: { ...UPDATE, at: at('09:10:00') } }, null],
  [
    'the row showed something else',
    { direct: { ...UPDATE, at: at('10:10:00') }, postgresValue: 6 },
    null,
  ],
])('an event was missed: %s', (_, more, cause) => {
  expect(causeOfMissed({ ...MISSED, ...more })?.cause ?? null).toBe(cause);
});

const losses = (count: number, more: Partial<Loss> = {}, spread = count): Loss[] =>
  Array.from({ length: count }, (_, n) => ({
    ...{ id: n, shard: `s${n % spread}`, keys: 1, from: at('10:00:00'), to: at('11:00:00') },
    ...more,
  }));

const nothing = { leaves: 0, instants: [] };
const told = (some: Loss[], written: Parameters<typeof massWriteOf>[1] = nothing) =>
  groupLosses(some).map((group) => massWriteOf(group, written)?.missing ?? null);

test('losses of one hour over many shards are one write', () => {
  expect(told(losses(800, {}, 400))).toEqual([800]);
});

test('bounds that overlap count together, and others apart', () => {
  const shifted = losses(400, { from: at('10:30:00'), to: at('11:30:00') });
  expect(told([...losses(400), ...shifted])).toEqual([800]);
  const later = losses(400, { from: at('11:00:00'), to: at('12:00:00') });
  expect(told([...losses(400), ...later])).toEqual([null, null]);
});

test("one shard's losses are none, however many", () => {
  const days = Array.from({ length: 170 }, (_, n) =>
    losses(4, { shard: 'a_b', from: `2026-0${1 + (n % 9)}-01`, to: `2026-0${1 + (n % 9)}-02` }),
  );
  expect(told(days.flat()).every((missing) => missing === null)).toBe(true);
  expect(told([{ ...(losses(1)[0] as Loss), keys: 900 }])).toEqual([null]);
});

test('five in a hundred of many writes are none', () => {
  expect(told(losses(800), { leaves: 16_000, instants: [] })).toEqual([null]);
});

test('what came with one instant, and what is missing, exceed the limit together', () => {
  const instants = [{ at: at('10:20:00'), leaves: 480 }];
  expect(told(losses(42, {}, 2), { leaves: 9_000, instants })).toEqual([42]);
  expect(told(losses(20, {}, 2), { leaves: 9_000, instants })).toEqual([null]);
  const outside = [{ at: at('11:20:00'), leaves: 480 }];
  expect(told(losses(42, {}, 2), { leaves: 9_000, instants: outside })).toEqual([null]);
});

test('of a few losses nobody asks what came meanwhile', () => {
  expect(groupLosses(losses(19))).toEqual([]);
});
