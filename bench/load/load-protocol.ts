import type { Workload } from './workload';

/** What the generator is asked to do in one round. */
export interface LoadRequest {
  port: number;
  /** Distinct for each round: it is part of every key and event id. */
  roundId: string;
  workload: Workload;
  /** Requests in flight: exactly so many (closed), or at most (open: as the platform caps them). */
  concurrency: number;
  /** Open loop: events offered a second, whatever is answered. Null: as fast as answers come. */
  ratePerSecond: number | null;
  /** The round ends at whichever comes first. */
  maxEvents: number;
  durationMs: number;
}

export interface LoadResult {
  events: number;
  updates: number;
  elapsedMs: number;
  eventsPerSecond: number;
  /** From when the event was due, so that waiting for a slot counts. */
  p50Ms: number;
  p99Ms: number;
  /** Answers that were not 2xx, by status; `error` = no answer. */
  failures: Record<string, number>;
  /** CPU time of the generator over the round's time: 1 = it was the bottleneck. */
  generatorLoad: number;
}
