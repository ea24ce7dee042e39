import type { Verdict } from '../functions/src/gate/gate';
import type { FaultPlan } from './faults';
import type { Findings } from './findings';
import type { Judgement } from './judge';
import type { PlatformCounts } from './platform';
import type { ProofCounts } from './proof';

/** What a simulation is asked to play. */
export interface SimulationRequest {
  couples: number;
  /** How many days; default 2. */
  days?: number;
  seed: number;
  plan: FaultPlan;
  /** How long a day takes, in milliseconds; null = as long as its writes and readings need. */
  dayMs: number | null;
  /** Function instances with the flag on. */
  instances: number;
}

/** What came of it. */
export interface Simulation {
  request: SimulationRequest;
  fromDay: string;
  toDay: string;
  writes: number;
  claims: number;
  /** From the first write until every event was acknowledged, in milliseconds. */
  durationMs: number;
  /** How many times faster than real days. */
  speed: number;
  eventsPerSecond: number;
  counts: PlatformCounts;
  /** What the mirror logged of the events it was sent. */
  outcomes: Record<string, number>;
  proof: ProofCounts;
  judgement: Judgement;
  gate: { verdict: Verdict; sentence: string };
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
