import { millisOf } from '../../values/event-time';
import type { CoverageGap } from '../postgres/gate-evidence';
import { GATE_DEFAULTS } from '../reconcile/gate-defaults';
import type { TrendHour, Trends } from './read-trends';

/** What the gate asks for, as the chart shows it. */
export const GATE_PERCENT = Number(GATE_DEFAULTS.threshold) * 100;

/** One chart as the browser draws it (assets/charts.js). Times in seconds since 1970. */
export interface ChartData {
  kind: 'points' | 'lines' | 'stack';
  /** `%`, `ms` or nothing. */
  unit: string;
  from: number;
  to: number;
  x: number[];
  series: { name: string; values: (number | null)[] }[];
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
export type Outcome = (typeof OUTCOMES)[number][0];

/** What Postgres knows of one hour, by outcome. */
export type HourOfOutcomes = Record<Outcome, number> & {
  hour: string;
  source: TrendHour['source'] | 'none';
};

const secondsOf = (instant: string) => Math.round(millisOf(instant) / 1000);

export function consistencyChart(trends: Trends): ChartData {
  const runs = comparedRuns(trends).reverse();
  return {
    ...frame(trends),
    ...{ kind: 'points', unit: '%', threshold: GATE_PERCENT },
    x: runs.map(({ finishedAt, startedAt }) => secondsOf(finishedAt ?? startedAt)),
    series: [
      {
        name: 'raw consistency',
        values: runs.map(({ rate }) => (100 * rate.matched) / rate.compared),
      },
    ],
  };
}

/** Finished runs of all couples that compared anything, newest first: what can be a point. */
export function comparedRuns({ runs }: Trends): Trends['runs'] {
  return runs.filter(
    ({ status, isOfAll, rate }) => status === 'finished' && isOfAll && rate.compared > 0,
  );
}

export function lagChart(trends: Trends): ChartData {
  const { hours } = trends;
  const lags = [
    ['p50', hours.map(({ p50Ms }) => p50Ms)],
    ['p95', hours.map(({ p95Ms }) => p95Ms)],
    ['p99', hours.map(({ p99Ms }) => p99Ms)],
  ] as const;
  return {
    ...frame(trends),
    ...{ kind: 'lines', unit: 'ms' },
    x: hours.map(({ hour }) => secondsOf(hour)),
    series: lags.map(([name, values]) => ({
      name,
      values: values.map((ms) => (ms === null ? null : Math.round(ms * 10) / 10)),
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
export function outcomesByHour({ hours, refusals }: Trends): HourOfOutcomes[] {
  const known = new Map<string, HourOfOutcomes>();
  const nothing = { out_of_order: 0, missed_event: 0, refused: 0 };
  const noRows = { live: 0, tombstones: 0, client: 0, backfill: 0, repair: 0 };
  for (const { hour, source, live, tombstones, client, backfill, repair } of hours) {
    const arrivals = { live, tombstones, client, backfill, repair };
    known.set(hour, { hour, source, ...arrivals, ...nothing });
  }
  for (const { hour, kind, seen } of refusals) {
    const of = known.get(hour) ?? { hour, source: 'none', ...noRows, ...nothing };
    of[kind === 'out_of_order' || kind === 'missed_event' ? kind : 'refused'] += seen;
    known.set(hour, of);
  }
  return [...known.values()].sort((a, b) => (a.hour < b.hour ? -1 : 1));
}

function frame({ window, gaps }: Trends) {
  const from = secondsOf(window.fromAt);
  const to = secondsOf(window.toAt);
  return { from, to, bands: gaps.map((gap) => bandOf(gap, from, to)) };
}

function bandOf({ fromAt, toAt, reason }: CoverageGap, from: number, to: number) {
  return {
    from: Math.max(from, secondsOf(fromAt)),
    to: toAt === null ? to : Math.min(to, secondsOf(toAt)),
    reason: reason.replaceAll('_', ' '),
  };
}
