/** What both stores show of the canary when it is looked for. */
export interface CanarySighting {
  /** When the last canary was written, in milliseconds since 1970, as RTDB has it; null = never. */
  writtenMs: number | null;
  /** What Postgres has of it, and for how long; null = nothing. An age, as its clock may be off. */
  arrived: { payload: unknown; ageMs: number } | null;
  /** Now, in milliseconds since 1970. */
  nowMs: number;
}

export type CanaryVerdict =
  | { verdict: 'first' }
  | { verdict: 'arrived' | 'late'; lagMs: number }
  | { verdict: 'lost'; sinceMs: number };

/** An event that took longer than this is late; most take well under a second. */
const LATE_AFTER_MS = 60_000;

/** Whether the last canary reached Postgres, and in time. Pure. */
export function judgeCanary({ writtenMs, arrived, nowMs }: CanarySighting): CanaryVerdict {
  if (writtenMs === null) return { verdict: 'first' };
  if (arrived === null || arrived.payload !== writtenMs) {
    // One that was written a moment ago, as by two looks at once, is on its way.
    const isFresh = nowMs - writtenMs < LATE_AFTER_MS;
    return isFresh ? { verdict: 'first' } : { verdict: 'lost', sinceMs: writtenMs };
  }
  const lagMs = nowMs - arrived.ageMs - writtenMs;
  return { verdict: lagMs > LATE_AFTER_MS ? 'late' : 'arrived', lagMs };
}
