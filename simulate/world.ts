import { coupleDay, strayClaim, type WorldAction } from './couple-day';
import { type Couple, coupleOf } from './couples';
import { seededRandom } from './seeded-random';

export interface WorldOptions {
  couples: number;
  /** The day that everybody plays, `YYYY-MM-DD`. */
  dateKey: string;
  seed: number;
  /** The share of couples with a phone that claims what it never wrote to RTDB, from 0 to 1. */
  strayClaimRate: number;
}

/**
 * What all couples do on one day, in order of time. Pure: the same for the same options.
 *
 * RTDB's own clock dates the writes (`.sv`), so that the world knows minutes of a day only.
 */
export function worldOf({ couples, dateKey, seed, strayClaimRate }: WorldOptions): WorldAction[] {
  const actions: WorldAction[] = [];
  for (let index = 0; index < couples; index += 1) {
    // A couple's day is the same whatever the number of couples and the faults.
    const couple: Couple = coupleOf(index, seededRandom(seed * 7_919 + index * 2));
    actions.push(...coupleDay(couple, dateKey, seededRandom(seed * 104_729 + index)));
    if (isStray(index, strayClaimRate)) actions.push(strayClaim(couple, dateKey));
  }
  // Stable: what one couple does at one minute stays in its order.
  return actions.sort((a, b) => a.minute - b.minute);
}

/** Evenly spread, the first couple among them, so that a small world has one as well. */
function isStray(index: number, rate: number): boolean {
  return Math.ceil(index * rate) < Math.ceil((index + 1) * rate);
}
