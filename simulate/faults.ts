import { between, type Random } from './seeded-random';

/** What can be made to go wrong between RTDB and Postgres. */
export const FAULTS = [
  'drop',
  'duplicate',
  'reorder',
  'delay',
  'outage',
  'flag-off',
  'client-disagrees',
] as const;

export type Fault = (typeof FAULTS)[number];

/** What the platform does with one event. */
export interface Fate {
  /** It never comes, as if all retries had failed. */
  isDropped: boolean;
  /** It comes once more, so many milliseconds after the first time; null = it does not. */
  repeatAfterMs: number | null;
  /** It comes after the next event of its leaf. */
  isOvertaken: boolean;
  delayMs: number;
}

export interface FaultPlan {
  faults: ReadonlySet<Fault>;
  /** The share of events, or of couples, that a fault befalls: from 0 to 1. */
  rate: number;
}

/** By how much a delayed event is late, in milliseconds: above LATE_AFTER_SECONDS for sure. */
const DELAY_MS = { least: 1_500, most: 2_500 };
const REPEAT_MS = { least: 0, most: 500 };

/**
 * Lateness that counts as late, where a day passes in seconds. In production it is five minutes
 * (functions/src/completions-only/reconcile/close-run.ts).
 */
export const LATE_AFTER_SECONDS = 1;

/** Part of the day, as fractions of it, in which Postgres is away: the evening's peak. */
export const OUTAGE = { from: 0.78, to: 0.84 };
/** And in which the flag is off: the morning's. */
export const FLAG_OFF = { from: 0.15, to: 0.25 };

/** Draws what becomes of the next event; as many numbers for each, so that faults are independent. */
export function fateOf({ faults, rate }: FaultPlan, random: Random): Fate {
  const befalls = (fault: Fault) => random() < rate && faults.has(fault);
  const isDropped = befalls('drop');
  const isRepeated = befalls('duplicate');
  const isOvertaken = befalls('reorder');
  const isDelayed = befalls('delay');
  const repeatAfterMs = between(random, REPEAT_MS.least, REPEAT_MS.most);
  const delayMs = between(random, DELAY_MS.least, DELAY_MS.most);
  return {
    isDropped,
    repeatAfterMs: isRepeated ? repeatAfterMs : null,
    isOvertaken,
    delayMs: isDelayed ? delayMs : 0,
  };
}
