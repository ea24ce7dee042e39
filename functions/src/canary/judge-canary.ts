import type { Json } from '../values/json';
import { isSameValue } from '../values/rtdb-value';

/** What both stores show of the canary when it is looked for. */
export interface CanarySighting {
  /** When the last canary was written, in milliseconds since 1970; null = never. */
  writtenMs: number | null;
  /** What was written then. */
  expected: Json;
  /** What RTDB holds at its leaf, in canonical form. */
  held: Json;
  /** What Postgres has of it, and for how long; null = nothing. An age, as its clock may be off. */
  arrived: { payload: Json; ageMs: number } | null;
  /** Now, in milliseconds since 1970. */
  nowMs: number;
}

export type CanaryVerdict =
  /** None is due: none was written, or a moment ago, or RTDB never took it. */
  | { verdict: 'first' }
  | { verdict: 'arrived' | 'late'; writtenMs: number; lagMs: number }
  | { verdict: 'lost'; sinceMs: number };

/** An event that took longer than this is late; most take well under a second. */
const LATE_AFTER_MS = 60_000;

/** Whether the last canary reached Postgres, and in time. Pure. */
export function judgeCanary(sighting: CanarySighting): CanaryVerdict {
  const { writtenMs, expected, held, arrived, nowMs } = sighting;
  if (writtenMs === null || !shows(held, expected)) return { verdict: 'first' };
  if (arrived === null || !shows(arrived.payload, expected)) {
    // One that was written a moment ago, as by two looks at once, is on its way.
    const isFresh = nowMs - writtenMs < LATE_AFTER_MS;
    return isFresh ? { verdict: 'first' } : { verdict: 'lost', sinceMs: writtenMs };
  }
  const lagMs = nowMs - arrived.ageMs - writtenMs;
  return { verdict: lagMs > LATE_AFTER_MS ? 'late' : 'arrived', writtenMs, lagMs };
}

/** A document may hold the canary of a path that lies inside it as well. */
function shows(value: Json, expected: Json): boolean {
  if (isSameValue(value, expected)) return true;
  if (!isObject(value) || !isObject(expected)) return false;
  return Object.entries(expected).every(
    ([key, part]) => Object.hasOwn(value, key) && isSameValue(value[key] ?? null, part ?? null),
  );
}

function isObject(value: Json): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
