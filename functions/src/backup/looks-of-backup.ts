import type { MirroredPath } from '../paths/mirrored-path';
import { isCanaryShard } from '../paths/quest-completions/canary-couple';
import { type ComparedKey, type CompareOptions, judgeKey } from '../readings/compare-key';
import { keyId } from '../readings/key-parts';
import { leafOfParts } from '../readings/look-at-shard';
import type { PathComparison, PathEnd } from './compare-backup';
import type { Pair } from './shard-pairs';

/** What of a shard is to be looked at in both stores, since the backup alone doesn't tell. */
export interface LiveLook {
  path: MirroredPath;
  shard: string;
  /** Parts of keys; 'all' = so many, or at such places, that the shard is read whole. */
  keys: readonly (readonly string[])[] | 'all';
}

export interface BackupScope {
  /** The backup's time. */
  takenAt: string;
  retentionDays: number;
  /** Only these shards; null = all. */
  shards: ReadonlySet<string> | null;
  /** Paths whose rows show columns of an earlier declaration: nothing is known of those. */
  columnsDue: ReadonlySet<string>;
  /** Receives each shard that was compared. */
  onShard?(): void;
}

/** Which keys are to be looked at, and whether odd places are. */
export interface Wanted {
  isWanted(pair: Pair, stateOf: () => ComparedKey['state']): boolean;
  wantsOdd: boolean;
}

const MOST_KEYS = 1_000;
const PAGE = 200;

/**
 * What is to be looked at by what a backup shows, in pages; in memory are a page and the shards under way.
 * Rejects as the comparison does.
 */
export async function* looksOfBackup(
  comparisons: AsyncIterable<PathComparison | PathEnd>,
  wanted: Wanted,
  scope: BackupScope,
): AsyncGenerator<LiveLook[]> {
  const open = new Map<MirroredPath, Map<string, readonly string[]> | 'all'>();
  let page: LiveLook[] = [];
  for await (const part of comparisons) {
    const { path, shard } = part;
    if (shard === null || isCanaryShard(shard)) continue;
    if (scope.shards !== null && !scope.shards.has(shard)) continue;
    const keys = gathered(open.get(path) ?? new Map(), part, wanted, scope);
    if (!part.isLast) {
      open.set(path, keys);
      continue;
    }
    open.delete(path);
    scope.onShard?.();
    if (keys === 'all') page.push({ path, shard, keys });
    else if (keys.size > 0) page.push({ path, shard, keys: [...keys.values()] });
    if (page.length < PAGE) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

function gathered(
  keys: Map<string, readonly string[]> | 'all',
  { path, pairs, odd }: PathComparison,
  { isWanted, wantsOdd }: Wanted,
  scope: BackupScope,
): Map<string, readonly string[]> | 'all' {
  if (keys === 'all' || (wantsOdd && odd.length > 0)) return 'all';
  const options = { path, readAt: scope.takenAt, retentionDays: scope.retentionDays };
  for (const pair of pairs) {
    if (!isWanted(pair, () => stateOfPair(pair, options, scope))) continue;
    const { parts } = pair.leaf ?? pair.row;
    keys.set(keyId(parts), parts);
    if (keys.size > MOST_KEYS) return 'all';
  }
  return keys;
}

/** A pair as a reading of the backup's time would judge it. */
function stateOfPair(
  { leaf, row }: Pair,
  options: CompareOptions,
  { columnsDue }: BackupScope,
): ComparedKey['state'] {
  const { path } = options;
  const named = leafOfParts(path, (leaf ?? row).parts);
  const { state } = judgeKey(named, leaf?.value ?? null, row, options);
  return state === 'column_mismatch' && columnsDue.has(path.name) ? 'agrees' : state;
}
