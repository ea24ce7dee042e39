import { between, type Random } from '../simulate/seeded-random';
import {
  backoffS,
  type FailureModel,
  failuresPerS,
  mirroredPerS,
  type PlatformModel,
  saturatedAttempts,
} from './platform-model';
import { type Cohort, WaitingEvents } from './waiting-events';

export interface OutageScenario {
  outageS: number;
  /** Events that phones cause a second, before, during and after. */
  eventsPerS: number;
  platform: PlatformModel;
  failure: FailureModel;
}

/** What a minute of it was like. */
export interface OutageMinute {
  /** Deliveries that an instance took, a second. */
  attemptsPerS: number;
  backlog: number;
}

export interface OutageResult {
  /** Deliveries that an instance took and failed. */
  peakFailuresPerS: number;
  /** Deliveries that found no free place (429), at their most. */
  peakRefusedPerS: number;
  peakConnectsPerS: number;
  peakStatementsPerS: number;
  peakBacklog: number;
  /** From Postgres' return until no event waits for a redelivery; null = not within two days. */
  drainS: number | null;
  /** The oldest event when it was mirrored. */
  oldestS: number;
  expired: number;
  minutes: OutageMinute[];
}

/** A cohort's redeliveries are spread in so many parts over the jitter's range. */
const JITTER_PARTS = 2;
const GIVE_UP_S = 48 * 3_600;

/**
 * Plays an outage second by second, events in cohorts of one age and number of attempts. What finds
 * no free place on an instance is a failed delivery as well, and backs off: Pub/Sub's own flow
 * control, which would push less, is left out.
 */
export function simulateOutage(scenario: OutageScenario, random: Random): OutageResult {
  const { platform, outageS, eventsPerS } = scenario;
  const waiting = new WaitingEvents();
  const result = emptyResult();
  for (let second = 0; second < outageS + GIVE_UP_S; second += 1) {
    const isAway = second < outageS;
    const due = waiting.take(second);
    const alive = due.filter(({ bornAt }) => second - bornAt < platform.retentionS);
    result.expired += sum(due) - sum(alive);
    const offered = [...alive, { bornAt: second, attempts: 0, events: eventsPerS }];
    const places = isAway ? failuresPerS(platform, scenario.failure) : mirroredPerS(platform);
    const share = Math.min(1, places / sum(offered));
    for (const cohort of offered) {
      const mirrored = isAway ? 0 : part(cohort.events, share, random);
      if (mirrored > 0) result.oldestS = Math.max(result.oldestS, second - cohort.bornAt);
      backOff(waiting, { ...cohort, events: cohort.events - mirrored }, second, platform, random);
    }
    note(result, scenario, { second, offered: sum(offered), share, backlog: waiting.total });
    if (!isAway && waiting.total === 0) {
      result.drainS = second - outageS;
      return result;
    }
  }
  return result;
}

function emptyResult(): OutageResult {
  return {
    ...{ peakFailuresPerS: 0, peakRefusedPerS: 0, peakConnectsPerS: 0, peakStatementsPerS: 0 },
    ...{ peakBacklog: 0, drainS: null, oldestS: 0, expired: 0, minutes: [] },
  };
}

function backOff(
  waiting: WaitingEvents,
  cohort: Cohort,
  second: number,
  platform: PlatformModel,
  random: Random,
): void {
  const attempts = Math.min(cohort.attempts + 1, saturatedAttempts(platform));
  let left = cohort.events;
  for (let parts = JITTER_PARTS; parts > 0; parts -= 1) {
    const events = part(left, 1 / parts, random);
    left -= events;
    const factor = between(random, 1 - platform.jitter, 1 + platform.jitter);
    const delayS = Math.max(1, Math.round(backoffS(platform, attempts) * factor));
    waiting.add(second + delayS, { bornAt: cohort.bornAt, attempts, events });
  }
}

interface Second {
  second: number;
  offered: number;
  share: number;
  backlog: number;
}

function note(
  result: OutageResult,
  { platform, failure, outageS }: OutageScenario,
  { second, offered, share, backlog }: Second,
): void {
  const attempts = offered * share;
  const raise = (
    name: 'peakFailuresPerS' | 'peakRefusedPerS' | 'peakConnectsPerS' | 'peakStatementsPerS',
    value: number,
  ) => {
    result[name] = Math.max(result[name], Math.round(value));
  };
  raise('peakRefusedPerS', offered - attempts);
  if (second < outageS) {
    const anInstance = failuresPerS(platform, failure) / platform.maxInstances;
    const instances = Math.min(Math.ceil(attempts / anInstance), platform.maxInstances);
    raise('peakFailuresPerS', attempts);
    raise('peakConnectsPerS', instances * failure.connectsPerS);
  } else {
    raise('peakStatementsPerS', attempts * platform.statementsPerEvent);
  }
  result.peakBacklog = Math.max(result.peakBacklog, backlog);
  if (second % 60 === 0) result.minutes.push({ attemptsPerS: Math.round(attempts), backlog });
}

/** A part of so many events, in whole ones; what is over is left to chance. */
function part(events: number, share: number, random: Random): number {
  return Math.min(events, Math.floor(events * share + random()));
}

function sum(cohorts: readonly Cohort[]): number {
  return cohorts.reduce((total, { events }) => total + events, 0);
}
