import { setTimeout as delay } from 'node:timers/promises';
import { parseCompletionPage } from '../completions-only/postgres/completion-rows';
import { LOG_FINDINGS } from '../completions-only/postgres/reconcile-findings';
import { compareSides, type Difference } from '../completions-only/reconcile/compare-sides';
import { explainMismatches } from '../completions-only/reconcile/explain-mismatches';
import { findingsOf } from '../completions-only/reconcile/findings-of';
import { leavesOfCouple } from '../completions-only/reconcile/leaves-of-couple';
import type { Mismatch } from '../completions-only/reconcile/mismatch';
import { timeOf } from '../completions-only/reconcile/time-of';
import type { RtdbTree } from '../completions-only/rtdb-tree';
import { completionPath } from '../paths/quest-completions/completion-path';
import type { Statements } from '../postgres/statements';
import { ByteBudget } from '../runtime/byte-budget';
import { orAborted } from '../runtime/deadline';
import { instantOfMillis } from '../values/event-time';
import { escapeText } from '../values/storable';
import { parseSeenRefs, REFS_SEEN_LATELY, ROWS_OF_DAY, wholeRows } from './client-claims';

/** An event takes some milliseconds: a difference is looked at twice before it is called one. */
const SECOND_LOOK_AFTER_MS = 300;
/** More than any day of the app has. Beyond it a day isn't compared, nor shown whole. */
export const MAX_ROWS_OF_DAY = 200;
const MAX_QUESTS_OF_DAY = 100;
/** Of its values, in either store: 200 leaves of 600 bytes. */
export const MAX_BYTES_OF_DAY = 128 * 1024;
/** Parsed, many small fields take some sixteen times their size. */
const MAX_BYTES_AT_ONCE = 8 * MAX_BYTES_OF_DAY;
/** Anybody may ask; the reconciler finds the rest. */
const MAX_LOGGED = 5;

/**
 * Compares a couple's day at this moment; what differs twice is logged as a divergence, a few leaves
 * at most, and none that the log has seen within the hour.
 *
 * @param signal ends the work: nothing is sent to either store any more
 * @returns whether both sides agree; false for a day that is too large to compare
 */
export async function compareDay(
  coupleId: string,
  dateKey: string,
  context: CompareDayContext,
  signal: AbortSignal,
): Promise<boolean> {
  const statements = untilAborted(context.statements, signal);
  const { rtdb, retentionDays } = context;
  const look = () => differencesOf(coupleId, dateKey, { statements, rtdb }, signal);
  const before = await look();
  if (before === null) return false;
  if (before.length === 0) return true;
  await delay(SECOND_LOOK_AFTER_MS, undefined, { signal });
  const now = await timeOf({ statements, rtdb, retentionDays });
  const first = new Set(before.map(({ key }) => completionPath(key)));
  const standing = (await look())?.filter(({ key }) => first.has(completionPath(key)));
  if (standing?.length === 0) return true;
  const readAt = now.toISOString();
  const mismatches = (standing ?? [])
    .slice(0, MAX_LOGGED)
    .map((difference): Mismatch => ({ ...difference, readAt, isMoving: false }));
  const unseen = await withoutSeen(mismatches, statements);
  if (unseen.length > 0) {
    const findings = await explainMismatches(unseen, statements, { now, retentionDays });
    await statements.run(LOG_FINDINGS, [null, findingsOf(findings), 'api']);
  }
  return false;
}

export interface CompareDayContext {
  statements: Statements;
  rtdb: RtdbTree;
  retentionDays: number;
}

const budget = new ByteBudget(MAX_BYTES_AT_ONCE);

/** Null where the day is too large. In turns: users choose how large their days are. */
async function differencesOf(
  coupleId: string,
  dateKey: string,
  stores: Pick<CompareDayContext, 'statements' | 'rtdb'>,
  signal: AbortSignal,
): Promise<Difference[] | null> {
  const turn = budget.enter(MAX_BYTES_OF_DAY) ?? Promise.resolve();
  try {
    await orAborted(turn, signal);
    return await compareStores(coupleId, dateKey, stores, signal);
  } finally {
    void turn.then(() => budget.leave(MAX_BYTES_OF_DAY));
  }
}

async function compareStores(
  coupleId: string,
  dateKey: string,
  { statements, rtdb }: Pick<CompareDayContext, 'statements' | 'rtdb'>,
  signal: AbortSignal,
): Promise<Difference[] | null> {
  const most = { quests: MAX_QUESTS_OF_DAY + 1, bytes: MAX_BYTES_OF_DAY };
  const [reading, found] = await Promise.all([
    rtdb.readCompletions(coupleId, dateKey, most, signal),
    statements.run(ROWS_OF_DAY, [coupleId, dateKey, MAX_ROWS_OF_DAY + 1, MAX_BYTES_OF_DAY, null]),
  ]);
  if (!reading.isWhole || wholeRows(found).length < found.length) return null;
  const completions = reading.value;
  const { rows } = parseCompletionPage(found);
  const quests = Object.keys(completions ?? {}).length;
  if (quests > MAX_QUESTS_OF_DAY || rows.length > MAX_ROWS_OF_DAY) return null;
  const readAt = instantOfMillis(Date.now()) ?? '';
  const leaves = leavesOfCouple(coupleId, { [dateKey]: { completions } }, readAt);
  return compareSides(leaves, rows).differences;
}

async function withoutSeen(
  mismatches: readonly Mismatch[],
  statements: Statements,
): Promise<Mismatch[]> {
  const refOf = ({ key }: Mismatch) => escapeText(completionPath(key));
  const seen = parseSeenRefs(await statements.run(REFS_SEEN_LATELY, [mismatches.map(refOf)]));
  return mismatches.filter((mismatch) => !seen.has(refOf(mismatch)));
}

function untilAborted(statements: Statements, signal: AbortSignal): Statements {
  return {
    async run(text, values) {
      signal.throwIfAborted();
      return statements.run(text, values, signal);
    },
  };
}
