import type { FlagRule } from '../flag/flag-rule';
import {
  CANARY_ROW,
  CLOSE_COVERAGE_GAP,
  flagNoteValues,
  NOTE_FLAG,
  OPEN_COVERAGE_GAP,
  openGapValues,
  parseCanaryRow,
  parseWasFlagOff,
  RECORD_COVERAGE_GAP,
  WAS_FLAG_OFF,
} from '../postgres/coverage';
import type { Statements } from '../postgres/statements';
import { CANARY_COUPLE } from '../quests/canary-couple';
import type { CompletionKey } from '../quests/completion-path';
import { type CanaryVerdict, judgeCanary } from './judge-canary';

/** One leaf for ever, so that canaries don't pile up; its day is that of no app. */
export const CANARY_KEY: CompletionKey = {
  coupleId: CANARY_COUPLE,
  dateKey: '2000-01-01',
  questId: 'canary',
  userId: 'canary',
};

/** How long the schedule leaves between two canaries. */
const CANARY_PERIOD_MS = 5 * 60_000;

/** The canary's leaf in RTDB. */
export interface CanaryPerch {
  read(): Promise<unknown>;
  write(ms: number): Promise<void>;
}

export interface CanaryContext {
  statements: Statements;
  perch: CanaryPerch;
  /** What the flag says now. */
  flag: Pick<FlagRule, 'mode' | 'version' | 'detail'>;
  /** Milliseconds since 1970. */
  now(): number;
}

/**
 * Notes in `mirror.coverage` what the flag says; looks for the canary that was last written, notes what
 * became of it, and writes the next one. With the flag off none flies. A part of the couples always has
 * the canary's in it.
 *
 * @returns null where no canary was expected; rejects where a store can't be reached
 */
export async function flyCanary(context: CanaryContext): Promise<CanaryVerdict | null> {
  const { statements, perch, flag, now } = context;
  await noteFlag(context);
  if (flag.mode === 'off') return null;
  const written = await perch.read();
  const { coupleId, dateKey, questId, userId } = CANARY_KEY;
  const row = await statements.run(CANARY_ROW, [coupleId, dateKey, questId, userId]);
  const verdict = judgeCanary({
    writtenMs: typeof written === 'number' ? written : null,
    arrived: parseCanaryRow(row),
    nowMs: now(),
  });
  const isExcused = verdict.verdict === 'lost' && (await wasFlagOff(verdict.sinceMs, statements));
  if (!isExcused) await noteVerdict(verdict, context);
  await perch.write(now());
  return isExcused ? null : verdict;
}

async function noteFlag({ statements, flag, now }: CanaryContext): Promise<void> {
  const values = flagNoteValues({
    seen: flag.mode,
    // The last look may have been as long ago as the period: the gap is not made too small.
    since: new Date(now() - CANARY_PERIOD_MS),
    offSince: null,
    version: flag.version,
    evidence: { by: 'canary', ...flag.detail },
  });
  await statements.run(NOTE_FLAG, values);
}

/** Also for a minute after it is on again: the instances don't all look at once. */
async function wasFlagOff(atMs: number, statements: Statements): Promise<boolean> {
  return parseWasFlagOff(await statements.run(WAS_FLAG_OFF, [new Date(atMs).toISOString()]));
}

async function noteVerdict(
  verdict: CanaryVerdict,
  { statements, now }: CanaryContext,
): Promise<void> {
  if (verdict.verdict === 'lost') {
    const since = new Date(verdict.sinceMs).toISOString();
    await statements.run(OPEN_COVERAGE_GAP, openGapValues('canary_lost', since, { lost: true }));
  }
  if (verdict.verdict === 'arrived' || verdict.verdict === 'late') {
    await statements.run(CLOSE_COVERAGE_GAP, ['canary_lost']);
  }
  if (verdict.verdict === 'late') {
    const to = new Date(now());
    const from = new Date(to.getTime() - verdict.lagMs);
    const detail = JSON.stringify({ late: true, lag_ms: verdict.lagMs });
    const values = ['canary_lost', from.toISOString(), to.toISOString(), detail];
    await statements.run(RECORD_COVERAGE_GAP, values);
  }
}
