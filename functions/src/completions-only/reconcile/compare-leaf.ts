import type { Kind } from '../../divergences/vocabulary';
import type { CompletionState } from '../../paths/quest-completions/completion-value';
import type { Json } from '../../values/json';
import { isSameValue } from '../../values/rtdb-value';

/** What RTDB shows at a leaf: a state, or a value that the mirror refuses. */
export type LeafReading = CompletionState | { completed: null; value: Json };

/** What Postgres shows: a row's payload, and whether it is a tombstone. */
export interface RowReading {
  payload: Json;
  isTombstone: boolean;
}

/** The kinds of divergence that a comparison of both sides can show. */
export type MismatchKind = Extract<
  Kind,
  'missing_in_postgres' | 'missing_in_rtdb' | 'value_mismatch'
>;

/**
 * - `matched`: both show the same completion
 * - `absent`: neither shows one; such a key does not count, or deletions would flatter the rate
 * - the rest: kinds of divergence
 */
export type Comparison = 'matched' | 'absent' | MismatchKind;

/**
 * Compares one leaf with its row. Pure.
 *
 * A value that the mirror refuses is a completion to RTDB all the same: without a row it counts as
 * missing, whatever its cause, so that the rate stays honest.
 *
 * @param leaf null where RTDB holds nothing
 * @param row null where Postgres has none
 */
export function compareLeaf(leaf: LeafReading | null, row: RowReading | null): Comparison {
  const isInRtdb = leaf !== null && leaf.completed !== false;
  const isInPostgres = row !== null && !row.isTombstone;
  if (!isInRtdb) return isInPostgres ? 'missing_in_rtdb' : 'absent';
  if (!isInPostgres) return 'missing_in_postgres';
  const value = leaf.completed === null ? leaf.value : leaf.payload;
  return isSameValue(value, row.payload) ? 'matched' : 'value_mismatch';
}
