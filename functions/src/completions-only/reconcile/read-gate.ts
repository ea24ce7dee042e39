import type { Statements } from '../../postgres/statements';
import {
  COVERAGE_GAPS,
  FINISHED_RUNS,
  NEWEST_ATTEMPT,
  parseAttempt,
  parseCoverageGaps,
  parseFinishedRuns,
  parseStanding,
  STANDING_OF_RUNS,
} from '../postgres/gate-evidence';
import { DATABASE_CLOCK, parseClock } from '../postgres/reconcile-runs';
import { countedRuns, type GateAnswer, type GateFacts, judgeGate } from './gate';
import type { Threshold } from './rate';
import { datesOf, type Window, windowBefore } from './window';

export interface GateQuestion {
  windowMs: number;
  threshold: Threshold;
  minSample: number;
  /** A normalized instant; null = now, by the database's clock. */
  asOf: string | null;
}

/** The gate's answer with what it was judged by. */
export interface GateReading extends GateAnswer {
  window: Window;
  facts: GateFacts;
}

/** Asks the database for the evidence, and judges. Rejects as `statements` do. */
export async function readGate(
  statements: Statements,
  { windowMs, threshold, minSample, asOf }: GateQuestion,
): Promise<GateReading> {
  const toAt = asOf ?? parseClock(await statements.run(DATABASE_CLOCK, []));
  const window = windowBefore(toAt, windowMs);
  const dates = datesOf(window);
  const [runRows, attemptRows, gapRows] = await Promise.all([
    statements.run(FINISHED_RUNS, [toAt, dates[0], dates.at(-1)]),
    statements.run(NEWEST_ATTEMPT, [toAt]),
    statements.run(COVERAGE_GAPS, [window.fromAt, toAt]),
  ]);
  const runs = parseFinishedRuns(runRows);
  const ids = countedRuns(runs, window).map(({ id }) => id);
  const facts: GateFacts = {
    runs,
    newestAttempt: parseAttempt(attemptRows),
    standing: parseStanding(await statements.run(STANDING_OF_RUNS, [ids, toAt])),
    gaps: parseCoverageGaps(gapRows),
  };
  return { ...judgeGate(facts, { window, threshold, minSample }), window, facts };
}
