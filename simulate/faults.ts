import { between, type Random } from './seeded-random';

/** What can be made to go wrong: between RTDB and Postgres, in Postgres, and in the proof. */
export const FAULTS = [
  'drop',
  'duplicate',
  'reorder',
  'delay',
  'outage',
  'flag-off',
  'client-disagrees',
  'off-throughout',
  'percent',
  'restore',
  'truncate',
  'late-reading',
  'killed-worker',
  'other-rtdb',
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
  /** Another RTDB sends a removal of the same leaf, a moment later. */
  hasForeignTwin: boolean;
}

export interface FaultPlan {
  faults: ReadonlySet<Fault>;
  /** The share of events, couples or reads that a fault befalls: from 0 to 1. */
  rate: number;
}

/** By how much a delayed event is late, in milliseconds: longer than a difference may be on its way. */
const DELAY_MS = { least: 1_500, most: 2_500 };
const REPEAT_MS = { least: 0, most: 500 };

/** Parts of the world's time, as fractions of it. The flag is off over a morning, Postgres away in an evening. */
export const FLAG_OFF = { from: 0.1, to: 0.32 };
export const BACKUP_AT = 0.38;
export const KILL_AT = 0.45;
export const RESTORE_AT = 0.55;
export const TRUNCATE_AT = 0.68;
export const OUTAGE = { from: 0.78, to: 0.84 };

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
    hasForeignTwin: befalls('other-rtdb'),
  };
}
