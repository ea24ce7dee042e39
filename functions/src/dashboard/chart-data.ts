import { THRESHOLD } from '../gate/read-gate';
import { instantOfMillis, millisOf } from '../values/event-time';
import type { Trends } from './read-trends';

/** What the gate asks for, as the chart shows it. */
export const GATE_PERCENT = THRESHOLD * 100;

/** One chart as the browser draws it (assets/charts.js). Times in seconds since 1970. */
export interface ChartData {
  kind: 'lines' | 'stack';
  /** `%`, `ms` or nothing. */
  unit: string;
  from: number;
  to: number;
  x: number[];
  series: { name: string; values: (number | null)[] }[];
  /** Pairs of series between which the truth lies, by their places. */
  between: [number, number][];
  /** What is shaded, with why. */
  bands: { from: number; to: number; reason: string }[];
  /** A line to be above of, in the chart's unit. */
  threshold?: number;
}

/** The refusals' columns beside those of `hourly_arrivals`, in the order in which they stack. */
export const OUTCOMES = [
  ['live', 'applied'],
  ['tombstones', 'deletions'],
  ['client', 'only a phone'],
  ['backfill', 'backfilled'],
  ['repair', 'repaired'],
  ['out_of_order', 'out of order'],
  ['missed_event', 'missed before'],
  ['refused', 'refused'],
] as const;
type Outcome = (typeof OUTCOMES)[number][0];

/** What Postgres knows of one hour, by outcome. */
export type HourOfOutcomes = Record<Outcome, number> & { hour: string };

const HOUR_S = 3_600;
const secondsOf = (instant: string) => Math.round(millisOf(instant) / 1000);

/** Both rates, each as a pair of lines: what holds at least, and at most. */
export function ratesChart(trends: Trends): ChartData {
  const hours = everyHour(trends, trends.rates);
  const lines = [
    ['copy, at least', 'copyLower'],
    ['copy, at most', 'copyUpper'],
    ['mirror, at least', 'mirrorLower'],
    ['mirror, at most', 'mirrorUpper'],
  ] as const;
  return {
    ...frame(trends),
    ...{ kind: 'lines', unit: '%', threshold: GATE_PERCENT },
    x: hours.map(({ at }) => at),
    series: lines.map(([name, key]) => ({
      name,
      values: hours.map(({ row }) => (row === null ? null : 100 * row[key])),
    })),
    between: [
      [1, 0],
      [3, 2],
    ],
  };
}

export function lagChart(trends: Trends): ChartData {
  const hours = everyHour(trends, trends.arrivals);
  const lags = [
    ['p50', 'lagP50Ms'],
    ['p95', 'lagP95Ms'],
    ['p99', 'lagP99Ms'],
  ] as const;
  return {
    ...frame(trends),
    ...{ kind: 'lines', unit: 'ms' },
    x: hours.map(({ at }) => at),
    series: lags.map(([name, key]) => ({
      name,
      values: hours.map(({ row }) => {
        const ms = row?.[key] ?? null;
        return ms === null ? null : Math.round(ms * 10) / 10;
      }),
    })),
  };
}

export function outcomesChart(trends: Trends): ChartData {
  const hours = outcomesByHour(trends);
  const present = OUTCOMES.filter(([key]) => hours.some((hour) => hour[key] > 0));
  return {
    ...frame(trends),
    ...{ kind: 'stack', unit: '' },
    x: hours.map(({ hour }) => secondsOf(hour)),
    series: present.map(([key, name]) => ({ name, values: hours.map((hour) => hour[key]) })),
  };
}

/** Arrivals and refusals of each hour in which there were any, oldest first. */
export function outcomesByHour({ arrivals, refusals }: Trends): HourOfOutcomes[] {
  const known = new Map<string, HourOfOutcomes>();
  const nothing = { out_of_order: 0, missed_event: 0, refused: 0 };
  const noRows = { live: 0, tombstones: 0, client: 0, backfill: 0, repair: 0 };
  for (const { hour, live, tombstones, client, backfill, repair } of arrivals) {
    if (live + tombstones + client + backfill + repair === 0) continue;
    known.set(hour, { hour, live, tombstones, client, backfill, repair, ...nothing });
  }
  for (const { hour, kind, seen } of refusals) {
    const of = known.get(hour) ?? { hour, ...noRows, ...nothing };
    of[kind === 'out_of_order' || kind === 'missed_event' ? kind : 'refused'] += seen;
    known.set(hour, of);
  }
  return [...known.values()].sort((a, b) => (a.hour < b.hour ? -1 : 1));
}

/** An hour of which nothing is known breaks the line. */
function everyHour<Row extends { hour: string }>(
  { window }: Trends,
  rows: readonly Row[],
): { at: number; row: Row | null }[] {
  const byHour = new Map(rows.map((row) => [row.hour, row]));
  const hours: { at: number; row: Row | null }[] = [];
  for (let at = secondsOf(window.fromAt); at <= secondsOf(window.toAt); at += HOUR_S) {
    hours.push({ at, row: byHour.get(instantOfMillis(at * 1000) ?? '') ?? null });
  }
  return hours;
}

function frame({ window, gaps }: Trends) {
  const from = secondsOf(window.fromAt);
  const to = secondsOf(window.toAt);
  const bands = gaps.map(({ path, reason, fromAt, toAt }) => ({
    from: Math.max(from, secondsOf(fromAt)),
    to: toAt === null ? to : Math.min(to, secondsOf(toAt)),
    reason: reason.replaceAll('_', ' ') + (path === null ? '' : ` (${path})`),
  }));
  return { from, to, bands, between: [] as ChartData['between'] };
}
