import { RECORD_DIVERGENCES } from '../../divergences/divergence-log';
import { completionPath } from '../../paths/quest-completions/completion-path';
import { compareKeys } from '../../paths/quest-completions/key-order';
import { type Blame, blameOf, sqlstateOf } from '../../postgres/sqlstate';
import {
  type BackfillCounts,
  INSERT_MISSING,
  missingParameter,
  parseInserted,
  type ReadCompletion,
  type RefusedLeaf,
  rowsOfRefused,
} from '../postgres/backfills';
import { compareSides } from './compare-sides';
import { rejectedWrite, sortLeaves } from './read-completions';
import { type DateRange, readCouples, readLeaves, type Sides } from './read-sides';

/** What a backfill would find. */
export interface Backlog {
  couples: number;
  leaves: number;
  /** Completions without a row. */
  missing: number;
  /** Rows that show something else than RTDB; a backfill leaves them alone. */
  differing: number;
  /** Leaves that the mirror refuses. */
  rejected: number;
}

/** Rows of one statement. */
const ROWS_AT_ONCE = 2_000;

/** What one row of a batch may be the reason of. */
const REFUSALS: ReadonlySet<Blame> = new Set<Blame>(['row', 'parent', 'asked']);

/** Reads some couples' days from RTDB and inserts what Postgres has no row for. */
export async function fillCouples(
  couples: string[],
  range: DateRange,
  sides: Sides,
): Promise<BackfillCounts> {
  const { completions, refused } = sortLeaves(await readLeaves(couples, range, sides));
  completions.sort((a, b) => compareKeys(a.leaf, b.leaf));
  let inserted = 0;
  for (let start = 0; start < completions.length; start += ROWS_AT_ONCE) {
    const batch = completions.slice(start, start + ROWS_AT_ONCE);
    inserted += await insert(batch, refused, sides);
  }
  if (refused.length > 0) {
    const divergences = rowsOfRefused(refused);
    await RECORD_DIVERGENCES.run(sides.statements, { divergences, detectedBy: 'backfill' });
  }
  const leaves = completions.length;
  return { couples: couples.length, leaves, inserted, rejected: refused.length };
}

/** Compares some couples' days, and writes nothing. */
export async function countBacklog(
  couples: string[],
  range: DateRange,
  sides: Sides,
): Promise<Backlog> {
  const { leaves, rows } = await readCouples(couples, range, sides);
  const { completions, refused } = sortLeaves(leaves);
  const held = new Set(rows.map(({ key }) => completionPath(key)));
  const missing = completions.filter(({ leaf }) => !held.has(completionPath(leaf)));
  const absent = new Set(missing.map(({ leaf }) => completionPath(leaf)));
  const refusedRefs = new Set(refused.map(({ ref }) => ref));
  const differing = compareSides(leaves, rows).differences.filter(({ key }) => {
    const path = completionPath(key);
    return !absent.has(path) && !refusedRefs.has(path);
  });
  return {
    couples: couples.length,
    leaves: completions.length,
    missing: missing.length,
    differing: differing.length,
    rejected: refused.length,
  };
}

/** Of a batch that Postgres refuses, halves are tried, down to the row that is the reason. */
async function insert(
  batch: readonly ReadCompletion[],
  refused: RefusedLeaf[],
  sides: Sides,
): Promise<number> {
  try {
    return parseInserted(await sides.statements.run(INSERT_MISSING, [missingParameter(batch)]));
  } catch (error) {
    if (!REFUSALS.has(blameOf(error))) throw error;
    const [only] = batch;
    if (batch.length === 1 && only !== undefined) {
      refused.push(rejectedWrite(only, sqlstateOf(error)));
      return 0;
    }
    const middle = Math.ceil(batch.length / 2);
    const first = await insert(batch.slice(0, middle), refused, sides);
    return first + (await insert(batch.slice(middle), refused, sides));
  }
}
