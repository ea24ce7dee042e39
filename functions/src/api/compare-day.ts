import { setTimeout as delay } from 'node:timers/promises';
import { LOG_FINDINGS } from '../postgres/reconcile-findings';
import type { Statements } from '../postgres/statements';
import { completionPath } from '../quests/completion-path';
import { compareSides } from '../reconcile/compare-sides';
import { explainMismatches } from '../reconcile/explain-mismatches';
import { findingsOf } from '../reconcile/findings-of';
import type { Mismatch } from '../reconcile/mismatch';
import { openSides, readCouples } from '../reconcile/read-sides';
import { timeOf } from '../reconcile/time-of';
import type { RtdbTree } from '../rtdb/rtdb-tree';

/** An event takes some milliseconds: a difference is looked at twice before it is called one. */
const SECOND_LOOK_AFTER_MS = 300;

/**
 * Compares a couple's day at this moment; what differs twice is logged as a divergence.
 *
 * @returns whether both sides agree
 */
export async function compareDay(
  coupleId: string,
  dateKey: string,
  { statements, rtdb, retentionDays }: CompareDayContext,
): Promise<boolean> {
  const sides = openSides({ statements, rtdb });
  const range = { fromDate: dateKey, toDate: dateKey };
  const look = async () => {
    const { leaves, rows } = await readCouples([coupleId], range, sides);
    return compareSides(leaves, rows).differences;
  };
  const first = new Set((await look()).map(({ key }) => completionPath(key)));
  if (first.size === 0) return true;
  await delay(SECOND_LOOK_AFTER_MS);
  const now = await timeOf({ statements, rtdb, retentionDays });
  const readAt = now.toISOString();
  const standing: Mismatch[] = (await look())
    .filter(({ key }) => first.has(completionPath(key)))
    .map((difference) => ({ ...difference, readAt, isMoving: false }));
  if (standing.length === 0) return true;
  const findings = await explainMismatches(standing, statements, { now, retentionDays });
  await statements.run(LOG_FINDINGS, [null, findingsOf(findings), 'api']);
  return false;
}

export interface CompareDayContext {
  statements: Statements;
  rtdb: RtdbTree;
  retentionDays: number;
}
