import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { LOG_FINDINGS } from '../completions-only/postgres/reconcile-findings';
import { compareSides, type Difference } from '../completions-only/reconcile/compare-sides';
import { explainMismatches } from '../completions-only/reconcile/explain-mismatches';
import { findingsOf } from '../completions-only/reconcile/findings-of';
import { leavesOfCouple } from '../completions-only/reconcile/leaves-of-couple';
import type { Mismatch } from '../completions-only/reconcile/mismatch';
import { timeOf } from '../completions-only/reconcile/time-of';
import type { RtdbTree } from '../completions-only/rtdb-tree';
import { completionPath } from '../paths/quest-completions/completion-path';
import { query, type Statements } from '../postgres/statements';
import { ByteBudget } from '../runtime/byte-budget';
import { orAborted } from '../runtime/deadline';
import { instantOfMillis } from '../values/event-time';
import { canonicalValue } from '../values/rtdb-value';
import { escapeText } from '../values/storable';
import { MAX_BYTES_OF_DAY, wholeDay } from './day-rows';

/** An event takes some milliseconds: a difference is looked at twice before it is called one. */
const SECOND_LOOK_AFTER_MS = 300;
const MAX_QUESTS_OF_DAY = 100;
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

/** Those of the refs that the log has seen within the hour, from any writer. */
const REFS_SEEN_LATELY = query({
  text: `
select log.ref
from unnest($1::text[]) as asked (ref)
join mirror.divergence_log as log on log.ref = asked.ref
where log.path = 'quest_completions'
  and log.kind in ('missing_in_postgres', 'missing_in_rtdb', 'value_mismatch', 'client_only')
  and log.last_seen_at > clock_timestamp() - interval '1 hour'
`,
  params: { refs: 'text[]' },
  row: { ref: z.string() },
});

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
    wholeDay(statements, { coupleId, dateKey }),
  ]);
  if (!reading.isWhole || found === null) return null;
  const completions = reading.value;
  if (Object.keys(completions ?? {}).length > MAX_QUESTS_OF_DAY) return null;
  // A row that was written by hand may hold a list in its other form.
  const rows = found.map(({ payload, isTombstone, questId, userId }) => ({
    key: { coupleId, dateKey, questId, userId },
    payload: canonicalValue(payload),
    isTombstone,
  }));
  const readAt = instantOfMillis(Date.now()) ?? '';
  const leaves = leavesOfCouple(coupleId, { [dateKey]: { completions } }, readAt);
  return compareSides(leaves, rows).differences;
}

async function withoutSeen(
  mismatches: readonly Mismatch[],
  statements: Statements,
): Promise<Mismatch[]> {
  const refOf = ({ key }: Mismatch) => escapeText(completionPath(key));
  const found = await REFS_SEEN_LATELY.all(statements, { refs: mismatches.map(refOf) });
  const seen = new Set(found.map(({ ref }) => ref));
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
