import type { Statements } from '../postgres/statements';
import { everyMsFor, type ProofTimes } from '../readings/proof-times';
import { type PathEvidence, readEvidence } from './evidence';
import { type GateAnswer, type GateSettings, judge, ratesOf } from './gate';
import { noteRates } from './rates';

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

/** Asks the database for the evidence, and judges. Rejects as `statements` do. */
export async function readGate(
  statements: Statements,
  { paths, couple, threshold, maxAgeMs }: GateQuestion,
  times: ProofTimes,
): Promise<GateReading> {
  const evidence = await readEvidence(statements, paths, couple, times);
  const rates = evidence.map((one) => ratesOf(one, times));
  return { ...judge(rates, { threshold: couple === null ? threshold : 1, maxAgeMs }), evidence };
}

/**
 * Judges every path as those who watch do, and keeps the answer in `mirror.rates`. To be called by the reconciler;
 * what it logs is `ratesLogFields` of each path.
 */
export async function judgeAndNote(
  statements: Statements,
  times: ProofTimes,
): Promise<GateReading> {
  const question = { paths: null, couple: null, threshold: THRESHOLD };
  const reading = await readGate(statements, { ...question, maxAgeMs: 0 }, times);
  const shards = Math.max(0, ...reading.paths.map((path) => path.shards));
  const maxAgeMs = everyMsFor(times, shards) + WATCHERS_SLACK_MS;
  const watched = { ...judge(reading.paths, { threshold: THRESHOLD, maxAgeMs }), evidence: reading.evidence };
  await noteRates(statements, watched);
  return watched;
}
