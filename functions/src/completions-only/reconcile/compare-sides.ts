import {
  type CompletionKey,
  compareKeys,
  completionPath,
} from '../../paths/quest-completions/completion-path';
import type { CompletionRow } from '../postgres/completion-rows';
import { compareLeaf, type LeafReading, type MismatchKind, type RowReading } from './compare-leaf';
import type { Leaf } from './leaves-of-couple';
import { mergeSorted } from './merge-sorted';

/** A key on which the two sides differ. */
export interface Difference {
  key: CompletionKey;
  kind: MismatchKind;
  leaf: LeafReading | null;
  row: RowReading | null;
}

export interface SidesCompared {
  matched: number;
  differences: Difference[];
}

type Keyed = { key: CompletionKey };

/**
 * Compares a range of both sides, each in key order. Pure.
 *
 * @throws DisorderError where a side is not in that order
 */
export function compareSides(leaves: Iterable<Leaf>, rows: Iterable<CompletionRow>): SidesCompared {
  const result: SidesCompared = { matched: 0, differences: [] };
  const byKey = (a: Keyed, b: Keyed) => compareKeys(a.key, b.key);
  const nameOf = ({ key }: Keyed) => completionPath(key);
  for (const { left, right } of mergeSorted<Keyed, Leaf, CompletionRow>(
    leaves,
    rows,
    byKey,
    nameOf,
  )) {
    const comparison = compareLeaf(left?.reading ?? null, right);
    if (comparison === 'matched') result.matched += 1;
    if (comparison === 'matched' || comparison === 'absent') continue;
    const key = left?.key ?? right?.key;
    if (key === undefined) continue;
    const row = right && { payload: right.payload, isTombstone: right.isTombstone };
    result.differences.push({ key, kind: comparison, leaf: left?.reading ?? null, row });
  }
  return result;
}
