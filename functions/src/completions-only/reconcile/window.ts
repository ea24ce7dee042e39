import { instantOfMillis, millisOf } from '../../values/event-time';

/** The time that a question is about: from `fromAt` until just before `toAt`, normalized instants. */
export interface Window {
  fromAt: string;
  toAt: string;
}

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const MAX_WINDOW_MS = 366 * UNIT_MS.d;

/** Reads a length of time such as `24h`, `90m` or `7d`, up to 366 days; null where it is none. */
export function parseDurationMs(text: string): number | null {
  const match = /^(\d{1,6})([mhd])$/.exec(text);
  if (!match) return null;
  const durationMs = Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
  return durationMs > 0 && durationMs <= MAX_WINDOW_MS ? durationMs : null;
}

/** The window of that length which ends at an instant. */
export function windowBefore(toAt: string, lengthMs: number): Window {
  const micros = toAt.slice(-4);
  const from = instantOfMillis(millisOf(toAt) - lengthMs) ?? toAt;
  return { fromAt: `${from.slice(0, -4)}${micros}`, toAt };
}

/** The UTC dates that a window touches, first to last. */
export function datesOf({ fromAt, toAt }: Window): string[] {
  const dates: string[] = [];
  for (let at = Date.parse(fromAt.slice(0, 10)); instant(at) < toAt; at += UNIT_MS.d) {
    dates.push(instant(at).slice(0, 10));
  }
  return dates;
}

/** When a phone's date is over everywhere: that of UTC-12 lasts longest. */
export function endOfDate(date: string): string {
  return instant(Date.parse(date) + 36 * UNIT_MS.h);
}

function instant(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}000Z`;
}
