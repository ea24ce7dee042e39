import { appDay, latePhone } from './app-day';
import { coupleDay, strayClaim, type WorldAction } from './couple-day';
import { type Couple, coupleOf } from './couples';
import { seededRandom } from './seeded-random';

export interface WorldOptions {
  couples: number;
  /** The last day of everybody, `YYYY-MM-DD`. */
  today: string;
  /** How many days everybody plays. */
  days: number;
  seed: number;
  /** The share of couples with a phone that claims what it never wrote to RTDB, from 0 to 1. */
  strayClaimRate: number;
}

const DAY_MINUTES = 24 * 60;
const DAY_MS = DAY_MINUTES * 60_000;

/**
 * What all couples do on their days, in order of time: minutes of UTC since the last day began there. Couples live
 * east and west of Greenwich, so that one's day begins while another one's ends. Pure: the same for the same options.
 *
 * RTDB's own clock dates the writes (`.sv`), so that the world knows minutes of a day only.
 */
export function worldOf({
  couples,
  today,
  days,
  seed,
  strayClaimRate,
}: WorldOptions): WorldAction[] {
  const actions: WorldAction[] = [];
  for (let index = 0; index < couples; index += 1) {
    // A couple's day is the same whatever the number of couples and the faults.
    const couple: Couple = coupleOf(index, seededRandom(seed * 7_919 + index * 2));
    const random = seededRandom(seed * 104_729 + index);
    for (let back = days - 1; back >= 0; back -= 1) {
      const dateKey = new Date(Date.parse(today) - back * DAY_MS).toISOString().slice(0, 10);
      const day = [
        ...coupleDay(couple, dateKey, random, back === 0),
        ...appDay(couple, dateKey, random),
        ...(back === 0 ? latePhone(couple, today, random) : []),
        ...(back === 0 && isStray(index, strayClaimRate) ? [strayClaim(couple, dateKey)] : []),
      ];
      const shift = -couple.offsetMinutes - back * DAY_MINUTES;
      for (const action of day) actions.push({ ...action, minute: action.minute + shift });
    }
  }
  // Stable: what one couple does at one minute stays in its order.
  return actions.sort((a, b) => a.minute - b.minute);
}

/** Evenly spread, the first couple among them, so that a small world has one as well. */
function isStray(index: number, rate: number): boolean {
  return Math.ceil(index * rate) < Math.ceil((index + 1) * rate);
}
