import { PLATFORM, WITH_GATE, WITHOUT_GATE } from '../../local/outage/platform-model';
import { type OutageScenario, simulateOutage } from '../../local/outage/simulate-outage';
import { seededRandom } from '../../local/simulate/seeded-random';

const hour: OutageScenario = {
  outageS: 3_600,
  eventsPerS: 1_000,
  platform: PLATFORM,
  failure: WITH_GATE,
};

const play = (scenario: Partial<OutageScenario>) =>
  simulateOutage({ ...hour, ...scenario }, seededRandom(1));

test('the same seed gives the same outage', () => {
  expect(play({ outageS: 600 })).toEqual(play({ outageS: 600 }));
});

test('whatever was written while Postgres is away waits, and all of it is mirrored', () => {
  const result = play({});
  expect(result.peakBacklog).toBe(3_600_000);
  expect(result.expired).toBe(0);
  expect(result.drainS).toBeLessThan(3_600);
});

test('connects a second are bounded by the instances, not by the events', () => {
  const bounded = play({});
  const more = play({ eventsPerS: 4_000 });
  expect(bounded.peakConnectsPerS).toBe(27);
  expect(more.peakConnectsPerS).toBe(27);
  expect(play({ failure: WITHOUT_GATE }).peakConnectsPerS).toBe(2_760);
  expect(bounded.peakFailuresPerS).toBeLessThanOrEqual(2_134);
});

test('statements after the outage are bounded by what Postgres takes', () => {
  const { postgresEventsPerS, statementsPerEvent } = PLATFORM;
  expect(play({}).peakStatementsPerS).toBe(postgresEventsPerS * statementsPerEvent);
});

test('what can not be drained in its day is given up, and counted', () => {
  const platform = { ...PLATFORM, retentionS: 3_600 };
  const { expired, peakBacklog, oldestS } = play({ outageS: 3_500, platform });
  expect(expired).toBeGreaterThan(0);
  expect(expired).toBeLessThan(peakBacklog);
  expect(oldestS).toBeLessThan(3_600);
});

test('without arrivals in excess of it, a quiet outage drains within the longest backoff', () => {
  const { drainS } = play({ eventsPerS: 10 });
  expect(drainS).toBeLessThanOrEqual(PLATFORM.backoffMaxS * (1 + PLATFORM.jitter));
});
