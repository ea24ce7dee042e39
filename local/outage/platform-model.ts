/** The parameters of the model; docs/outage.md says where each is from. */
export interface PlatformModel {
  /** Eventarc's subscription: the delay before the first redelivery, and the longest. */
  backoffMinS: number;
  backoffMaxS: number;
  /** Part of a delay by which it may be shorter or longer. */
  jitter: number;
  /** After this the platform gives an event up. */
  retentionS: number;
  /** The trigger's limits: functions/src/deploy/mirror-trigger.ts. */
  maxInstances: number;
  concurrency: number;
  /** What one instance mirrors with Postgres there. */
  instanceEventsPerS: number;
  /** What Postgres takes in all. */
  postgresEventsPerS: number;
  /** Statements an event, with an instance at its limit. */
  statementsPerEvent: number;
}

/** How an instance behaves while Postgres refuses connections. */
export interface FailureModel {
  /** How long a failing event holds its place on the instance. */
  holdS: number;
  /** The most events that an instance can fail a second, whatever holds them. */
  instanceFailuresPerS: number;
  connectsPerS: number;
}

export const PLATFORM: PlatformModel = {
  backoffMinS: 10,
  backoffMaxS: 600,
  jitter: 0.2,
  retentionS: 24 * 3_600,
  maxInstances: 20,
  concurrency: 80,
  instanceEventsPerS: 1_900,
  postgresEventsPerS: 5_000,
  statementsPerEvent: 0.06,
};

/** A connect at most every 0.5 to 1 s, and whoever comes meanwhile waits for it. */
export const WITH_GATE: FailureModel = {
  holdS: 0.75,
  instanceFailuresPerS: 600,
  connectsPerS: 1 / 0.75,
};

/** Measured without the gate, against a listener that hangs up at once. */
export const WITHOUT_GATE: FailureModel = {
  holdS: 0.01,
  instanceFailuresPerS: 600,
  connectsPerS: 138,
};

/** Seconds until the redelivery after so many failed attempts, before jitter. */
export function backoffS(platform: PlatformModel, attempts: number): number {
  return Math.min(platform.backoffMinS * 2 ** (attempts - 1), platform.backoffMaxS);
}

/** Attempts after which the backoff grows no more. */
export function saturatedAttempts({ backoffMinS, backoffMaxS }: PlatformModel): number {
  return Math.ceil(Math.log2(backoffMaxS / backoffMinS)) + 1;
}

/** How many events the instances can fail a second: that is what bounds a retry storm. */
export function failuresPerS(platform: PlatformModel, failure: FailureModel): number {
  const { maxInstances, concurrency } = platform;
  return maxInstances * Math.min(concurrency / failure.holdS, failure.instanceFailuresPerS);
}

/** What the instances and Postgres mirror a second. */
export function mirroredPerS(platform: PlatformModel): number {
  const { maxInstances, instanceEventsPerS, postgresEventsPerS } = platform;
  return Math.min(maxInstances * instanceEventsPerS, postgresEventsPerS);
}
