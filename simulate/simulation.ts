import type { RunSummary } from '../functions/src/completions-only/reconcile/reconcile';
import type { FaultPlan } from './faults';
import type { Findings } from './findings';
import type { Prediction } from './ledger';
import type { PlatformCounts } from './platform';

/** What a simulation is asked to play. */
export interface SimulationRequest {
  couples: number;
  seed: number;
  plan: FaultPlan;
  /** How long the day takes, in milliseconds; null = as long as its writes need. */
  dayMs: number | null;
  /** Function instances with the flag on. */
  instances: number;
}

/** What came of it. */
export interface Simulation {
  request: SimulationRequest;
  dateKey: string;
  writes: number;
  claims: number;
  /** From the first write of the day until every event was acknowledged, in milliseconds. */
  durationMs: number;
  /** How many times faster than a real day. */
  speed: number;
  eventsPerSecond: number;
  counts: PlatformCounts;
  /** What the mirror logged of the events it was sent. */
  outcomes: Record<string, number>;
  /** What must be found, by the simulation's own books. */
  prediction: Prediction;
  /** The last comparison, as of days later. */
  run: RunSummary;
  findings: Findings;
  /** Both stores, for as long as they are kept. */
  stores: Stores;
}

export interface Stores {
  databaseUrl: string;
  /** `host:port` */
  rtdbAddress: string;
}

/** The environment in which the other verbs find both stores. */
export function environmentOf({ databaseUrl, rtdbAddress }: Stores): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    FIREBASE_DATABASE_EMULATOR_HOST: rtdbAddress,
    GCLOUD_PROJECT: 'demo-quests',
  };
}
