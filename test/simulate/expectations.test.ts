import { disappointments } from '../../simulate/expectations';
import type { Fault } from '../../simulate/faults';
import type { Simulation } from '../../simulate/simulation';

const CLEAN: Simulation = {
  request: {
    ...{ couples: 1, seed: 1, dayMs: null, instances: 1 },
    plan: { faults: new Set(), rate: 0.1 },
  },
  ...{ dateKey: '2026-11-23', writes: 20, claims: 0 },
  ...{ durationMs: 1_000, speed: 86_400, eventsPerSecond: 20 },
  counts: {
    ...{ emitted: 20, dropped: 0, duplicated: 0, delayed: 0, overtakenLeaves: 0 },
    ...{ deliveries: 20, acknowledged: 20, retries: 0, exhausted: 0 },
  },
  outcomes: { applied: 20 },
  prediction: {
    ...{ matched: 10, absent: 0 },
    ...{ missing_in_postgres: 0, missing_in_rtdb: 0, value_mismatch: 0 },
  },
  run: {
    ...{ runId: 2, status: 'finished', fromDate: '2026-11-23', toDate: '2026-11-23', couples: 1 },
    ...{ matched: 10, missingInPostgres: 0, missingInRtdb: 0, valueMismatch: 0, inFlight: 0 },
    ...{ consistency: 1, rtdbMs: 1, postgresMs: 1, rtdbBytes: 1, error: null },
  },
  findings: { divergences: [], gaps: [], lagP50Ms: 1, lagP99Ms: 2 },
  stores: { databaseUrl: '', rtdbAddress: '' },
};

/** The day after a fault that lost one completion, put down to `cause`. */
function lostOne(fault: Fault, cause: string): Simulation {
  const kind = 'missing_in_postgres';
  return {
    ...CLEAN,
    request: { ...CLEAN.request, plan: { faults: new Set([fault]), rate: 0.1 } },
    prediction: { ...CLEAN.prediction, matched: 9, missing_in_postgres: 1 },
    run: { ...CLEAN.run, matched: 9, missingInPostgres: 1, consistency: 0.9 },
    findings: {
      ...CLEAN.findings,
      divergences: [{ kind, cause, severity: 'error', open: 1, resolved: 0 }],
    },
  };
}

test('a day on which both stores agree, and nothing else was asked, is as expected', () => {
  expect(disappointments(CLEAN)).toEqual([]);
});

test('a completion that the mirror lost without any fault is told', () => {
  const run = { ...CLEAN.run, matched: 9, missingInPostgres: 1, consistency: 0.9 };
  expect(disappointments({ ...CLEAN, run })).toEqual([
    'matched: 9, but the books say 10',
    'missing in Postgres: 1, but the books say 0',
    'consistency 0.9, but 1 was expected',
  ]);
});

test('a comparison that overlooks what was dropped is told', () => {
  const simulation = lostOne('drop', 'retries_exhausted');
  expect(disappointments(simulation)).toEqual([]);
  expect(disappointments({ ...simulation, run: CLEAN.run })).toHaveLength(2);
});

test('a wrong cause is told', () => {
  expect(disappointments(lostOne('drop', 'unknown'))).toEqual([
    '1 divergences are put down to unknown',
    'no divergence is put down to retries_exhausted',
    'drop: divergences retries_exhausted: 0 seen, at least 1 expected',
  ]);
});

test.each<[Fault, string]>([
  ['reorder', 'reorder: divergences out_of_order/race: 0 seen, at least 1 expected'],
  ['delay', 'delay: divergences late/in_flight: 0 seen, at least 1 expected'],
  ['outage', 'outage: coverage outage: 0 seen, at least 1 expected'],
])('the fault %s that nothing shows is told', (fault, line) => {
  const plan = { faults: new Set([fault]), rate: 0.1 };
  const simulation = { ...CLEAN, request: { ...CLEAN.request, plan } };
  expect(disappointments(simulation)).toEqual([line]);
});
