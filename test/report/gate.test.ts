import type {
  CoverageGap,
  FinishedRun,
} from '../../functions/src/completions-only/postgres/gate-evidence';
import { type GateFacts, judgeGate } from '../../functions/src/completions-only/reconcile/gate';
import {
  isAtLeast,
  parseThreshold,
  ratio,
} from '../../functions/src/completions-only/reconcile/rate';
import {
  parseDurationMs,
  windowBefore,
} from '../../functions/src/completions-only/reconcile/window';

const NOON = '2026-11-23T12:00:00.000000Z';

const runOf = (run: Partial<FinishedRun> = {}): FinishedRun => ({
  id: 1,
  startedAt: '2026-11-23T11:50:00.000000Z',
  finishedAt: '2026-11-23T11:55:00.000000Z',
  readSince: run.finishedAt ?? '2026-11-23T11:55:00.000000Z',
  fromDate: '2026-11-22',
  toDate: '2026-11-24',
  couples: 10,
  matched: 1000,
  missingInPostgres: 0,
  missingInRtdb: 0,
  valueMismatch: 0,
  inFlight: 0,
  ...run,
});

const gapOf = (gap: Partial<CoverageGap>): CoverageGap => ({
  fromAt: '2026-11-23T08:00:00.000000Z',
  toAt: '2026-11-23T08:20:00.000000Z',
  reason: 'outage',
  detail: null,
  ...gap,
});

const judge = (
  facts: Partial<GateFacts>,
  { length = '24h', asOf = NOON, threshold = '0.99', minSample = 100 } = {},
) => {
  const parsed = parseThreshold(threshold);
  if (parsed === null) throw new Error(`no threshold: ${threshold}`);
  return judgeGate(
    { runs: [runOf()], newestAttempt: null, standing: [], gaps: [], ...facts },
    { window: windowBefore(asOf, parseDurationMs(length) ?? 0), threshold: parsed, minSample },
  );
};

const codes = (answer: ReturnType<typeof judge>) => answer.reasons.map(({ code }) => code);

describe('the rate', () => {
  test.each([
    ['exactly the threshold', { matched: 990, missingInPostgres: 10 }, '0.99', 'ready'],
    ['one key below it', { matched: 989, missingInPostgres: 11 }, '0.99', 'not_ready'],
    ['all of it, all asked for', { matched: 1000 }, '1', 'ready'],
    ['one of ten million missing', { matched: 9_999_999, valueMismatch: 1 }, '1', 'not_ready'],
    ['a third, to fifteen digits', { matched: 1, missingInRtdb: 2 }, '0.333333333333333', 'ready'],
    ['less, to fifteen digits', { matched: 1, missingInRtdb: 2 }, '0.333333333333334', 'not_ready'],
    ['nothing matched', { matched: 0, missingInRtdb: 100 }, '0.01', 'not_ready'],
  ])('%s', (_name, run, threshold, verdict) => {
    expect(judge({ runs: [runOf(run)] }, { threshold, minSample: 1 }).verdict).toBe(verdict);
  });

  test('keys in flight are no keys', () => {
    const { raw } = judge({ runs: [runOf({ matched: 99, inFlight: 50 })] });
    expect(raw).toEqual({ matched: 99, compared: 99 });
  });

  test('explained divergences raise the explained rate, and the verdict stays', () => {
    const answer = judge({
      runs: [runOf({ matched: 900, missingInPostgres: 100 })],
      standing: [
        { kind: 'missing_in_postgres', cause: 'retention', keys: 60 },
        { kind: 'missing_in_postgres', cause: 'unknown', keys: 40 },
      ],
    });
    expect(answer.raw).toEqual({ matched: 900, compared: 1000 });
    expect(answer.explained).toEqual({ matched: 900, compared: 940 });
    expect(answer.verdict).toBe('not_ready');
    expect(answer.sentence).toBe(
      'Not ready in the 24 h to 2026-11-23 12:00 UTC: 90.0000% consistent (900 of 1000 keys), ' +
        '99% asked for; most of it missing_in_postgres by retention (60), ' +
        'missing_in_postgres by unknown (40).',
    );
  });

  test('more explained than missing does not make it more than all', () => {
    const standing = [{ kind: 'missing_in_postgres', cause: 'retention', keys: 5000 }] as const;
    const { explained } = judge({ runs: [runOf({ matched: 999, valueMismatch: 1 })], standing });
    expect(explained).toEqual({ matched: 999, compared: 999 });
  });

  test('a rate just below the threshold is not shown as the threshold', () => {
    const runs = [runOf({ matched: 98_999_999, missingInPostgres: 1_000_001 })];
    expect(judge({ runs }).sentence).toContain('98.9999% consistent');
  });
});

describe('what is not known', () => {
  test('no run', () => {
    const answer = judge({ runs: [] });
    expect([answer.verdict, codes(answer)]).toEqual(['cannot_tell', ['no_run']]);
    expect(answer.sentence).not.toMatch(/NaN|null|undefined/);
  });

  test('a run that failed, and its error', () => {
    const answer = judge({
      runs: [],
      newestAttempt: { id: 7, startedAt: NOON, status: 'failed', error: 'RTDB answered 401' },
    });
    expect(codes(answer)).toEqual(['no_run', 'attempt_failed']);
    expect(answer.sentence).toContain('the newest run, 7, failed: RTDB answered 401.');
  });

  test('nothing compared never passes, whatever is asked', () => {
    const answer = judge({ runs: [runOf({ matched: 0 })] }, { minSample: 0 });
    expect([answer.verdict, codes(answer)]).toEqual(['cannot_tell', ['nothing_compared']]);
    expect(answer.sentence).not.toContain('NaN');
  });

  test.each([
    [99, 'cannot_tell'],
    [100, 'ready'],
  ])('%i keys of at least 100: %s', (matched, verdict) => {
    expect(judge({ runs: [runOf({ matched })] }).verdict).toBe(verdict);
  });

  test.each([
    ['10:00:00.000000Z', 'ready'],
    ['09:59:59.999000Z', 'cannot_tell'],
  ])('at 12:00, a run that finished at %s: %s', (time, verdict) => {
    const runs = [runOf({ finishedAt: `2026-11-23T${time}` })];
    expect(judge({ runs }).verdict).toBe(verdict);
  });

  test('half of the window covered', () => {
    const answer = judge({ runs: [runOf({ fromDate: '2026-11-22', toDate: '2026-11-22' })] });
    expect([answer.verdict, codes(answer)]).toEqual(['cannot_tell', ['dates_not_covered']]);
    expect(answer.sentence).toContain('runs cover 2026-11-22 only, not 2026-11-23');
  });

  test.each([
    ['finished', null, ['no_run'], 'have finished for these days.'],
    ['failed', null, ['no_run', 'attempt_failed'], 'the newest run, 7, failed: no reason.'],
    ['failed', 'a.b said no.', ['no_run', 'attempt_failed'], '7, failed: a.b said no.'],
    [
      'running',
      null,
      ['no_run', 'attempt_unfinished'],
      'the newest run, 7, began at 2026-11-23 12:00 UTC and has not finished.',
    ],
  ] as const)('the newest attempt %s, error %j', (status, error, expected, words) => {
    const answer = judge({
      runs: [],
      newestAttempt: { id: 7, startedAt: NOON, status, error },
    });
    expect(codes(answer)).toEqual(expected);
    expect(answer.sentence.replace(' has finished for', ' have finished for')).toContain(words);
  });

  test('an attempt that failed takes nothing from a run that suffices', () => {
    const newestAttempt = { id: 7, startedAt: NOON, status: 'failed', error: 'away' } as const;
    expect(judge({ newestAttempt })).toMatchObject({ verdict: 'ready', reasons: [] });
  });

  test('too little known is not called too bad', () => {
    const runs = [runOf({ matched: 1, missingInPostgres: 9 })];
    const answer = judge({ runs });
    expect(answer.verdict).toBe('cannot_tell');
    expect(codes(answer)).toEqual(['too_few_keys']);
  });
});

describe('several runs', () => {
  const today = runOf({ id: 3, fromDate: '2026-11-23', toDate: '2026-11-24', matched: 100 });
  const yesterday = runOf({
    id: 2,
    finishedAt: '2026-11-23T10:30:00.000000Z',
    fromDate: '2026-11-22',
    toDate: '2026-11-22',
    matched: 200,
    valueMismatch: 1,
  });

  test('together cover the window, and their keys add up', () => {
    const answer = judge({ runs: [today, yesterday] });
    expect(answer.raw).toEqual({ matched: 300, compared: 301 });
    expect(answer.counted.map(({ id }) => id)).toEqual([3, 2]);
  });

  test('the newest of a date counts, and once, however many dates it covers', () => {
    const answer = judge({ runs: [runOf({ id: 9 }), today, yesterday] });
    expect(answer.counted.map(({ id }) => id)).toEqual([9]);
    expect(answer.raw.compared).toBe(1000);
  });

  test.each(['2026-11-22 13:00', '2026-11-23 09:59'])(
    'a run that saw its day until %s UTC only does not stand for that day',
    (minute) => {
      const early = { ...yesterday, readSince: `${minute.replace(' ', 'T')}:00.000000Z` };
      const answer = judge({ runs: [today, early] });
      expect([answer.verdict, codes(answer)]).toEqual(['cannot_tell', ['run_too_old']]);
      expect(answer.sentence).toContain(
        `the newest run of 2026-11-22 read part of it at ${minute}`,
      );
    },
  );

  test('a run of many days that found something does not tell the rate of a few', () => {
    const wide = runOf({ fromDate: '2026-01-01', matched: 365_000, missingInPostgres: 1000 });
    const answer = judge({ runs: [wide] });
    expect([answer.verdict, codes(answer)]).toEqual(['cannot_tell', ['run_too_wide']]);
    expect(judge({ runs: [{ ...wide, missingInPostgres: 0 }] }).verdict).toBe('ready');
    const usual = { ...wide, fromDate: '2026-11-21' };
    expect(judge({ runs: [usual] }).verdict).toBe('ready');
  });

  test.each([
    ['valueMismatch', '2026-11-22', '2026-12-31', 'cannot_tell'],
    ['missingInRtdb', '2026-11-22', '2026-11-25', 'cannot_tell'],
    ['valueMismatch', '2026-11-20', '2026-11-24', 'cannot_tell'],
    ['missingInPostgres', '2026-11-21', '2026-11-24', 'ready'],
  ])('a run with a %s from %s to %s, for a window of two days: %s', (kind, from, to, verdict) => {
    const run = runOf({ fromDate: from, toDate: to, [kind]: 1 });
    expect(judge({ runs: [run] }).verdict).toBe(verdict);
  });

  test('too wide for a window of one day, or of seven', () => {
    const wide = runOf({ toDate: '2026-11-25', missingInRtdb: 1, missingInPostgres: 1 });
    expect(codes(judge({ runs: [wide] }, { length: '1h' }))).toEqual(['run_too_wide']);
    const week = runOf({ fromDate: '2026-11-16', toDate: '2026-11-24', valueMismatch: 1 });
    expect(judge({ runs: [week] }, { length: '7d' }).verdict).toBe('ready');
  });

  test('a run that saw its days to their end stands for them, however old it is', () => {
    const old = runOf({
      id: 1,
      fromDate: '2026-11-16',
      toDate: '2026-11-20',
      readSince: '2026-11-21T12:00:00.000000Z',
    });
    const fresh = runOf({ id: 2, fromDate: '2026-11-21' });
    const at = { length: '7d' };
    expect(judge({ runs: [fresh, old] }, at).verdict).toBe('ready');
    const early = { ...old, readSince: '2026-11-21T09:59:59.000000Z' };
    expect(codes(judge({ runs: [fresh, early] }, at))).toEqual(['run_too_old']);
  });

  test('a fresh run of yesterday does not make an old one of today fresh', () => {
    const fresh = { ...yesterday, readSince: '2026-11-23T11:59:00.000000Z' };
    const old = { ...today, readSince: '2026-11-23T06:00:00.000000Z' };
    expect(judge({ runs: [fresh, old] }).verdict).toBe('cannot_tell');
  });
});

describe('the window', () => {
  test.each([
    ['1h', '2026-11-23T12:00:00.000000Z', '2026-11-23', '2026-11-23', 'ready'],
    ['1h over midnight', '2026-11-23T00:30:00.000000Z', '2026-11-23', '2026-11-23', 'cannot_tell'],
    ['1h over midnight', '2026-11-23T00:30:00.000000Z', '2026-11-22', '2026-11-23', 'ready'],
    ['24h of one day', '2026-11-23T00:00:00.000000Z', '2026-11-22', '2026-11-22', 'ready'],
    ['24h and a little', '2026-11-23T00:00:00.000001Z', '2026-11-22', '2026-11-22', 'cannot_tell'],
    ['24h over a leap day', '2028-03-01T12:00:00.000000Z', '2028-02-29', '2028-03-01', 'ready'],
  ])('%s to %s, runs from %s to %s: %s', (name, asOf, fromDate, toDate, verdict) => {
    const runs = [runOf({ finishedAt: asOf, fromDate, toDate })];
    const length = name.split(' ')[0] ?? '';
    expect(judge({ runs }, { length, asOf }).verdict).toBe(verdict);
  });
});

describe('coverage', () => {
  test('a lost canary fails the gate, whatever the rate', () => {
    const answer = judge({ gaps: [gapOf({ reason: 'canary_lost', toAt: null })] });
    expect([answer.verdict, codes(answer)]).toEqual(['not_ready', ['canary_lost']]);
    expect(answer.sentence).toContain('a canary was lost or late, 2026-11-23 08:00 UTC until now');
  });

  test.each(['flag_off', 'percent', 'outage'] as const)('%s alone does not fail it', (reason) => {
    expect(judge({ gaps: [gapOf({ reason })] }).verdict).toBe('ready');
  });
});

describe('the sentence', () => {
  const IN = 'in the 24 h to 2026-11-23 12:00 UTC';
  const low = { runs: [runOf({ matched: 900, valueMismatch: 100 })] };

  test.each<[string, Partial<GateFacts>, string]>([
    ['all is well', {}, `Ready ${IN}: 100.0000% consistent (1000 of 1000 keys), 99% asked for.`],
    [
      'no run',
      { runs: [] },
      `Can't tell ${IN}: no reconcile run of all couples has finished for these days.`,
    ],
    [
      'a run too old',
      { runs: [runOf({ readSince: '2026-11-23T09:00:00.000000Z', fromDate: '2026-11-23' })] },
      `Can't tell ${IN}: runs cover 2026-11-23 only, not 2026-11-22; the newest run of 2026-11-23 ` +
        'read part of it at 2026-11-23 09:00 UTC, more than 2 h before the end of what it must ' +
        'have seen.',
    ],
    [
      'a run too wide',
      { runs: [runOf({ id: 4, fromDate: '2026-11-01', valueMismatch: 1 })] },
      `Can't tell ${IN}: run 4 counted all of 2026-11-01 to 2026-11-24 together, and what it found ` +
        'may be of other days.',
    ],
    [
      'nothing to compare',
      { runs: [runOf({ matched: 0 })] },
      `Can't tell ${IN}: the runs found nothing to compare.`,
    ],
    [
      'too few keys',
      { runs: [runOf({ matched: 99 })] },
      `Can't tell ${IN}: only 99 keys were compared, at least 100 are needed.`,
    ],
    [
      'a canary lost for a while',
      { gaps: [gapOf({ reason: 'canary_lost' })] },
      `Not ready ${IN}: 100.0000% consistent (1000 of 1000 keys), 99% asked for; a canary was lost ` +
        'or late, 2026-11-23 08:00 UTC to 2026-11-23 08:20 UTC.',
    ],
    [
      'nothing open any more',
      low,
      `Not ready ${IN}: 90.0000% consistent (900 of 1000 keys), 99% asked for; none of it is open ` +
        'any more.',
    ],
    [
      'the three that matter most',
      {
        ...low,
        standing: (['rejected', 'race', 'unknown', 'retention'] as const).map((cause, n) => ({
          kind: 'value_mismatch',
          cause,
          keys: 9 - n,
        })),
      },
      `Not ready ${IN}: 90.0000% consistent (900 of 1000 keys), 99% asked for; most of it ` +
        'value_mismatch by rejected (9), value_mismatch by race (8), value_mismatch by unknown (7).',
    ],
  ])('%s', (_case, facts, sentence) => {
    expect(judge(facts).sentence).toBe(sentence);
  });

  test('several dates without a run', () => {
    const runs = [runOf({ fromDate: '2026-11-21', toDate: '2026-11-22' })];
    expect(judge({ runs }, { length: '90h' }).sentence).toContain(
      'runs cover 2026-11-21, 2026-11-22 only, not 2026-11-19, 2026-11-20, 2026-11-23',
    );
  });

  test.each([
    ['90m', 'in the 90 min to'],
    ['60m', 'in the 1 h to'],
    ['7d', 'in the 168 h to'],
  ])('a window of %s', (length, words) => {
    expect(judge({}, { length }).sentence).toContain(words);
  });

  test.each([
    ['1', '100%'],
    ['1.0', '100%'],
    ['0.999', '99.9%'],
    ['0.99900', '99.9%'],
    ['0.1001', '10.01%'],
    ['0.10', '10%'],
    ['0.05', '5%'],
    ['0.005', '0.5%'],
    ['.5', '50%'],
  ])('%s asked for is %s', (threshold, percent) => {
    expect(judge({}, { threshold }).sentence).toContain(`, ${percent} asked for`);
  });
});

test('a rate of nothing is at least nothing, and no number', () => {
  const some = parseThreshold('0.5');
  if (some === null) throw new Error('0.5 is a threshold');
  expect(isAtLeast({ matched: 0, compared: 0 }, some)).toBe(false);
  expect(isAtLeast({ matched: 1, compared: 2 }, some)).toBe(true);
  expect(ratio({ matched: 0, compared: 0 })).toBeNull();
  expect(ratio({ matched: 1, compared: 2 })).toBe(0.5);
});

test.each([
  ['90m', 5_400_000],
  ['24h', 86_400_000],
  ['366d', 31_622_400_000],
])('%s is a length of a window', (text, ms) => {
  expect(parseDurationMs(text)).toBe(ms);
});

test.each(['', '0', '0.0', '1.1', '2', '-0.5', '99%', 'NaN', '1e-2', '.', '0,99'])(
  '%p is no threshold',
  (text) => expect(parseThreshold(text)).toBeNull(),
);

test.each(['', '0h', '24', 'h', '-1h', '1.5h', '367d', '1w', '24 h', '24hx'])(
  '%p is no length of a window',
  (text) => expect(parseDurationMs(text)).toBeNull(),
);
