/** A commit's time: `ms` for server timestamps, `iso` with microseconds for events. */
export interface CommitTime {
  readonly ms: number;
  readonly iso: string;
}

/** The wall clock; the fraction only spreads commits within a millisecond, it is not measured. */
export function wallClockMs(): number {
  return Date.now() + (performance.now() % 1);
}

/**
 * Hands out strictly increasing commit times, a microsecond apart at least, whatever `nowMs`
 * (milliseconds since 1970, fractions allowed) does.
 */
export function commitClock(nowMs: () => number = wallClockMs): () => CommitTime {
  let lastMicros = 0;
  return () => {
    lastMicros = Math.max(lastMicros + 1, Math.floor(nowMs() * 1000));
    const ms = Math.floor(lastMicros / 1000);
    const micros = String(lastMicros % 1000).padStart(3, '0');
    return { ms, iso: new Date(ms).toISOString().replace('Z', `${micros}Z`) };
  };
}
