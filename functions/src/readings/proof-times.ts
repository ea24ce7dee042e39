const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * Every duration of readings and of the gate, in milliseconds where nothing else is said. One value, which is
 * passed in: the functions and the command line have {@link PROOF_TIMES}, the simulator scales it.
 */
export interface ProofTimes {
  /** How long a difference may be on its way before both stores are read again. */
  graceMs: number;
  /** After so many looks a key that keeps moving is called in flight. */
  looks: number;
  /** How many days back a whole reading looks, in days. */
  reconcileDays: number;
  /** How often a shard is read that nothing has touched; null = by the number of shards. */
  everyMs: number | null;
  /** How often a shard is read that rows have touched, at most. */
  touchedEveryMs: number;
  /** How often every value is read: of a path with a day, and of one without. */
  fullEveryMs: { dated: number; undated: number };
  /** How often RTDB's shards are listed at least. */
  listEveryMs: number;
  /** How long a worker may have a shard: one that dies leaves it to the next. */
  leaseMs: number;
  /** When a shard that could not be read is tried again. */
  retryMs: number;
  /** The gate's window. */
  windowMs: number;
  /** How old `verified_to` may be for the gate to answer. */
  maxAgeMs: number;
  /** A shard that was first seen so lately isn't judged until it is read. */
  newShardMs: number;
  /** How old a full reading may be, by how often it is due: beyond that, nobody knows. */
  fullAgeFactor: number;
  /** How old the newest canary may be. */
  canaryAgeMs: number;
  /**
   * How long the platform delivers a failing event again.
   * Source: Firebase documentation, "Retry asynchronous functions".
   */
  redeliveryMs: number;
  /** An instance looks at the flag once in so long: what lies within it of an edge can't be told apart. */
  flagEdgeMs: number;
  /** Times of RTDB's servers tell the order of writes that are further apart. */
  clockPrecisionMs: number;
}

export const PROOF_TIMES: ProofTimes = {
  graceMs: 30_000,
  looks: 3,
  reconcileDays: 7,
  everyMs: null,
  touchedEveryMs: HOUR_MS,
  fullEveryMs: { dated: 30 * DAY_MS, undated: 7 * DAY_MS },
  listEveryMs: 6 * HOUR_MS,
  leaseMs: 10 * MINUTE_MS,
  retryMs: 15 * MINUTE_MS,
  windowMs: DAY_MS,
  maxAgeMs: 2 * HOUR_MS,
  newShardMs: HOUR_MS,
  fullAgeFactor: 1.5,
  canaryAgeMs: 15 * MINUTE_MS,
  redeliveryMs: DAY_MS,
  flagEdgeMs: MINUTE_MS,
  clockPrecisionMs: 1_000,
};

/** How often an untouched shard is read: more seldom the more there are, since each reading is paid for. */
export function everyMsFor({ everyMs }: ProofTimes, shards: number): number {
  if (everyMs !== null) return everyMs;
  if (shards <= 1_000) return HOUR_MS;
  return shards <= 10_000 ? 6 * HOUR_MS : 20 * HOUR_MS;
}
