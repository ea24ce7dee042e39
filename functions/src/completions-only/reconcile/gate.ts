import { EXPLAINED_CAUSES } from '../../divergences/vocabulary';
import { millisOf } from '../../values/event-time';
import type { CoverageGap, FinishedRun, RunAttempt, Standing } from '../postgres/gate-evidence';
import { gateSentence } from './gate-sentence';
import { isAtLeast, type Rate, type Threshold } from './rate';
import { datesOf, endOfDate, type Window } from './window';

/** What is asked of the gate. Its end is the database's time, nobody else's. */
export interface GateSettings {
  window: Window;
  threshold: Threshold;
  /** Fewer keys compared prove nothing. */
  minSample: number;
}

/** What the stores say, for the pure gate. */
export interface GateFacts {
  /** Finished runs of all couples that touch the window's dates, newest first. */
  runs: readonly FinishedRun[];
  newestAttempt: RunAttempt | null;
  /** What the counted runs found and is open, by kind and cause. */
  standing: readonly Standing[];
  /** Coverage gaps that overlap the window. */
  gaps: readonly CoverageGap[];
}

/** Why the gate does not hold, or why nobody can tell. */
export type GateReason =
  | { code: 'no_run' }
  | { code: 'dates_not_covered'; covered: string[]; missing: string[] }
  | { code: 'run_too_old'; date: string; readSince: string; ageMs: number }
  | { code: 'run_too_wide'; runId: number; fromDate: string; toDate: string }
  | { code: 'nothing_compared' }
  | { code: 'too_few_keys'; compared: number; minSample: number }
  | { code: 'attempt_failed'; runId: number; startedAt: string; error: string }
  | { code: 'attempt_unfinished'; runId: number; startedAt: string }
  | { code: 'canary_lost'; fromAt: string; toAt: string | null }
  | { code: 'below_threshold'; standing: Standing[] };

export interface GateAnswer {
  verdict: 'ready' | 'not_ready' | 'cannot_tell';
  reasons: GateReason[];
  /** The verdict in one line, for people. */
  sentence: string;
  /** What the verdict judges by. */
  raw: Rate;
  /** Without the open divergences whose cause is known and harmless; shown, never judged by. */
  explained: Rate;
  counted: FinishedRun[];
}

/** How old what a run says may be. */
const MAX_AGE_MS = 2 * 3_600_000;
const REASONS_SHOWN = 3;
const DAY_MS = 86_400_000;

/** The runs that count: for each of the window's dates the newest that compared it; each once. */
export function countedRuns(runs: readonly FinishedRun[], window: Window): FinishedRun[] {
  const counted = new Set(datesOf(window).map((date) => runOf(date, runs)));
  return runs.filter((run) => counted.has(run));
}

/**
 * Whether the mirror may carry users. Pure. First whether what is known suffices to tell, only then
 * what it says: a run that is missing is no proof, for or against.
 */
export function judgeGate(facts: GateFacts, settings: GateSettings): GateAnswer {
  const counted = countedRuns(facts.runs, settings.window);
  const raw = rateOf(counted);
  const ignorance = whatIsUnknown(facts, settings, raw);
  const canaries = lostCanaries(facts);
  // A rate that proves nothing is no reason against, either.
  const shortfall = ignorance.length > 0 ? [] : whatIsShort(facts, settings, raw);
  const failings = [...canaries, ...shortfall];
  const verdict =
    ignorance.length > 0 ? 'cannot_tell' : failings.length > 0 ? 'not_ready' : 'ready';
  const reasons = [...ignorance, ...failings];
  const explained = withoutExplained(raw, facts.standing);
  const answer = { verdict, reasons, raw, explained, counted } as const;
  return { ...answer, sentence: gateSentence(answer, settings) };
}

function whatIsUnknown(
  { runs, newestAttempt }: GateFacts,
  { window, minSample }: GateSettings,
  { compared }: Rate,
): GateReason[] {
  const reasons: GateReason[] = [];
  const dates = datesOf(window);
  const missing = dates.filter((date) => runOf(date, runs) === undefined);
  if (missing.length === dates.length) reasons.push({ code: 'no_run' });
  else {
    if (missing.length > 0) {
      const covered = dates.filter((date) => !missing.includes(date));
      reasons.push({ code: 'dates_not_covered', covered, missing });
    }
    reasons.push(...tooOld(dates, runs, window), ...tooWide(dates, countedRuns(runs, window)));
    if (compared === 0) reasons.push({ code: 'nothing_compared' });
    else if (compared < minSample) reasons.push({ code: 'too_few_keys', compared, minSample });
  }
  return reasons.length > 0 ? [...reasons, ...whatBecameOf(newestAttempt)] : [];
}

function whatBecameOf(attempt: RunAttempt | null): GateReason[] {
  if (attempt === null || attempt.status === 'finished') return [];
  const { id: runId, startedAt, error } = attempt;
  return attempt.status === 'failed'
    ? [{ code: 'attempt_failed', runId, startedAt, error: error ?? 'no reason' }]
    : [{ code: 'attempt_unfinished', runId, startedAt }];
}

/**
 * A run knows nothing of what was written after it: of each date it must have seen all that lies in
 * the window, but for the last two hours.
 */
function tooOld(
  dates: readonly string[],
  runs: readonly FinishedRun[],
  { toAt }: Window,
): GateReason[] {
  return dates.flatMap((date) => {
    const run = runOf(date, runs);
    if (run === undefined) return [];
    const end = endOfDate(date) < toAt ? endOfDate(date) : toAt;
    const { readSince } = run;
    const ageMs = millisOf(end) - millisOf(readSince);
    return ageMs > MAX_AGE_MS ? [{ code: 'run_too_old' as const, date, readSince, ageMs }] : [];
  });
}

/**
 * A run counts its days together: many good days that nobody asked about would outweigh a bad one in
 * the window. A day more on each side is what every run over the last days has; and where nothing
 * differed, it does not matter.
 */
function tooWide(dates: readonly string[], counted: readonly FinishedRun[]): GateReason[] {
  const first = Date.parse(dates[0] ?? '') - DAY_MS;
  const last = Date.parse(dates.at(-1) ?? '') + DAY_MS;
  return counted
    .filter((run) => Date.parse(run.fromDate) < first || Date.parse(run.toDate) > last)
    .filter((run) => run.missingInPostgres + run.missingInRtdb + run.valueMismatch > 0)
    .map(({ id, fromDate, toDate }) => ({ code: 'run_too_wide', runId: id, fromDate, toDate }));
}

function lostCanaries({ gaps }: GateFacts): GateReason[] {
  return gaps
    .filter(({ reason }) => reason === 'canary_lost')
    .map(({ fromAt, toAt }) => ({ code: 'canary_lost', fromAt, toAt }));
}

function whatIsShort(
  { standing }: GateFacts,
  { threshold }: GateSettings,
  raw: Rate,
): GateReason[] {
  if (isAtLeast(raw, threshold)) return [];
  return [{ code: 'below_threshold', standing: standing.slice(0, REASONS_SHOWN) }];
}

function runOf(date: string, runs: readonly FinishedRun[]): FinishedRun | undefined {
  return runs.find(({ fromDate, toDate }) => fromDate <= date && date <= toDate);
}

function rateOf(runs: readonly FinishedRun[]): Rate {
  const rate = { matched: 0, compared: 0 };
  for (const run of runs) {
    rate.matched += run.matched;
    rate.compared += run.matched + run.missingInPostgres + run.missingInRtdb + run.valueMismatch;
  }
  return rate;
}

function withoutExplained({ matched, compared }: Rate, standing: readonly Standing[]): Rate {
  const explained = standing
    .filter(({ cause }) => EXPLAINED_CAUSES.includes(cause))
    .reduce((sum, { keys }) => sum + keys, 0);
  // What healed since or was logged late can't make more keys agree than were compared.
  return { matched, compared: Math.max(matched, compared - explained) };
}
