import type { Statements } from '../postgres/statements';
import { everyMsFor, type ProofTimes } from '../readings/proof-times';
import { instantOfMillis, millisOf } from '../values/event-time';
import { type PathEvidence, readEvidence } from './evidence';
import { type GateAnswer, type GateSettings, judge, type PathRates, ratesOf } from './gate';
import { noteRates, type RatesLogFields, ratesAsOf, ratesLogFields } from './rates';

/** What is asked, and of whom. */
export interface GateQuestion extends GateSettings {
  /** Names; null = every path that is mirrored. */
  paths: readonly string[] | null;
  /** One couple, which has to agree in all; null = every couple. */
  couple: string | null;
}

/** The gate's answer with what it was judged by. */
export interface GateReading extends GateAnswer {
  evidence: PathEvidence[];
}

/** What the rates of the mirror must reach unless somebody asks for more. */
export const THRESHOLD = 0.99;
/** How much older than the time between two readings `verified_to` may be for those who watch, but don't cut over. */
const WATCHERS_SLACK_MS = 4 * 3_600_000;

/** An answer is kept each hour: one that is older says nothing of the time that is asked about. */
const KEPT_EVERY_MS = 75 * 60_000;

/** Asks the database for the evidence, and judges. Rejects as `statements` do. */
export async function readGate(
  statements: Statements,
  { paths, couple, threshold, maxAgeMs }: GateQuestion,
  times: ProofTimes,
): Promise<GateReading> {
  const read = await readEvidence(statements, paths, couple, times);
  // A couple that a path has never held has nothing there to judge.
  const evidence = couple === null ? read : read.filter(({ shards }) => shards > 0);
  const rates = evidence.map((one) => ratesOf(one, times));
  return { ...judge(rates, settingsOf({ couple, threshold, maxAgeMs })), evidence };
}

/** What is judged by: one couple has to agree in all. */
export function settingsOf({
  couple,
  threshold,
  maxAgeMs,
}: Omit<GateQuestion, 'paths'>): GateSettings {
  return { threshold: couple === null ? threshold : 1, maxAgeMs };
}

/**
 * What the gate knew at an instant, from `mirror.rates`; null where it kept no answer until then. Rejects as
 * `statements` do.
 *
 * @param asOf a normalized instant
 */
export async function readGateAsOf(
  statements: Statements,
  { paths, threshold, maxAgeMs }: Omit<GateQuestion, 'couple'>,
  asOf: string,
): Promise<GateAnswer | null> {
  const kept = (await ratesAsOf(statements, asOf)).filter(
    ({ path }) => paths === null || paths.includes(path),
  );
  if (kept.every(({ rates }) => rates === null)) return null;
  const oldest = instantOfMillis(millisOf(asOf) - KEPT_EVERY_MS) ?? asOf;
  const rates = kept.map(({ path, rates }) => {
    if (rates === null) return nothingKept(path, asOf);
    if (rates.at >= oldest) return rates;
    const unkept = { code: 'unkept' as const, newestAt: rates.at };
    return { ...rates, obstacles: [...rates.obstacles, unkept] };
  });
  return judge(rates, { threshold, maxAgeMs });
}

/** Of a path that was mirrored, and not judged yet. */
function nothingKept(path: string, at: string): PathRates {
  const none = { total: 0, differing: 0, unknown: 0, lower: 1, upper: 1 };
  return {
    ...{ path, at, verifiedTo: null, oldestFullAt: null, copy: none, mirror: none },
    ...{ shards: 0, unreadShards: 0, affectedShards: 0 },
    obstacles: [{ code: 'unkept', newestAt: null }],
  };
}

/**
 * Asks as those do who watch, but don't cut over: all paths, with readings that may be as old as their interval and
 * four hours. Rejects as `statements` do.
 */
export async function readGateAsWatcher(
  statements: Statements,
  times: ProofTimes,
): Promise<GateReading & { maxAgeMs: number }> {
  const evidence = await readEvidence(statements, null, null, times);
  const rates = evidence.map((one) => ratesOf(one, times));
  const shards = Math.max(0, ...rates.map((path) => path.shards));
  const maxAgeMs = everyMsFor(times, shards) + WATCHERS_SLACK_MS;
  return { ...judge(rates, { threshold: THRESHOLD, maxAgeMs }), evidence, maxAgeMs };
}

/**
 * Judges every path as those who watch do, and keeps the answer in `mirror.rates`. For the reconciler, each quarter
 * of an hour. Rejects as `statements` do.
 *
 * @param onRates receives each path's fields of a log line (`mirror rates`), which metrics and alerts read (ops/)
 */
export async function judgeAndNote(
  statements: Statements,
  times: ProofTimes,
  onRates: (fields: RatesLogFields) => void,
): Promise<GateReading> {
  const answer = await readGateAsWatcher(statements, times);
  await noteRates(statements, answer);
  for (const path of answer.paths) onRates(ratesLogFields(path));
  return answer;
}
