import { CANARY_COUPLE } from '../../paths/quest-completions/canary-couple';
import type { Statements } from '../../postgres/statements';
import { instantOfMillis, millisOf } from '../../values/event-time';
import { parseRefusals, REFUSALS_BY_HOUR, type RefusalsOfHour } from '../postgres/divergence-pages';
import { COVERAGE_GAPS, type CoverageGap, parseCoverageGaps } from '../postgres/gate-evidence';
import {
  HOUR_SAMPLED,
  HOURS_COUNTED,
  type HourlyArrivals,
  parseArrivals,
} from '../postgres/hourly-arrivals';
import {
  OPEN_DIVERGENCES,
  type OpenDivergences,
  parseOpenDivergences,
} from '../postgres/open-divergences';
import { DATABASE_CLOCK, parseClock } from '../postgres/reconcile-runs';
import { parseRunHistory, RUN_HISTORY, type RunOfHistory } from '../postgres/run-history';
import type { Window } from '../reconcile/window';
import { SPANS, type Span } from './view-query';

/** An hour's arrivals; one that no run has counted yet may be cut short at {@link SAMPLE_ROWS}. */
export interface TrendHour extends HourlyArrivals {
  source: 'counted' | 'sampled' | 'cut';
}

/** What the charts show, oldest first but for the runs. */
export interface Trends {
  window: Window;
  /** Newest first, whatever became of them. */
  runs: RunOfHistory[];
  gaps: CoverageGap[];
  hours: TrendHour[];
  refusals: RefusalsOfHour[];
  open: OpenDivergences[];
}

const HOUR_MS = 3_600_000;
/** Hours that are read row by row: the one that runs, and two that a run may not have counted yet. */
const SAMPLED_HOURS = 3;
export const SAMPLE_ROWS = 20_000;
const RUNS_MAX = 1_000;

/** Reads what the charts show; the cost does not grow with the mirrored rows. */
export async function readTrends(statements: Statements, span: Span): Promise<Trends> {
  const toAt = parseClock(await statements.run(DATABASE_CLOCK, []));
  const thisHour = Math.floor(millisOf(toAt) / HOUR_MS) * HOUR_MS;
  const fromAt = instantAt(thisHour - (SPANS[span] - 1) * HOUR_MS);
  const counted = parseArrivals(await statements.run(HOURS_COUNTED, [fromAt]));
  return {
    window: { fromAt, toAt },
    runs: parseRunHistory(await statements.run(RUN_HISTORY, [fromAt, RUNS_MAX])),
    gaps: parseCoverageGaps(await statements.run(COVERAGE_GAPS, [fromAt, toAt])),
    hours: [
      ...counted.map((hour) => ({ ...hour, source: 'counted' as const })),
      ...(await sampleHours(statements, thisHour, counted)),
    ],
    refusals: parseRefusals(await statements.run(REFUSALS_BY_HOUR, [fromAt])),
    open: parseOpenDivergences(await statements.run(OPEN_DIVERGENCES, [toAt, null])),
  };
}

async function sampleHours(
  statements: Statements,
  thisHour: number,
  counted: readonly HourlyArrivals[],
): Promise<TrendHour[]> {
  const known = new Set(counted.map(({ hour }) => hour));
  const sampled: TrendHour[] = [];
  for (let back = SAMPLED_HOURS - 1; back >= 0; back -= 1) {
    const hour = instantAt(thisHour - back * HOUR_MS);
    if (known.has(hour)) continue;
    const values = [hour, CANARY_COUPLE, SAMPLE_ROWS];
    for (const arrivals of parseArrivals(await statements.run(HOUR_SAMPLED, values))) {
      const isCut = rowsOf(arrivals) >= SAMPLE_ROWS;
      sampled.push({ ...arrivals, source: isCut ? 'cut' : 'sampled' });
    }
  }
  return sampled;
}

function rowsOf({ live, tombstones, client, backfill, repair }: HourlyArrivals): number {
  return live + tombstones + client + backfill + repair;
}

function instantAt(ms: number): string {
  return instantOfMillis(ms) ?? '';
}
