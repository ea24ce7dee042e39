import { compareKeys } from './key';

export interface ChildEntry<Node> {
  readonly key: string;
  readonly node: Node;
}

/** One child that differs between two versions of a node; null is absence. */
export interface ChangedChild<Node> {
  readonly key: string;
  readonly before: Node | null;
  readonly after: Node | null;
}

type Chunk<Node> = readonly ChildEntry<Node>[];
const MAX_CHUNK = 64;

function lastNotAfter<T>(items: readonly T[], keyOf: (item: T) => string, key: string): number {
  let low = 0;
  let high = items.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (compareKeys(keyOf(items[middle] as T), key) <= 0) {
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return high;
}

const entryKey = (entry: { readonly key: string }): string => entry.key;
const chunkKey = (chunk: Chunk<unknown>): string => (chunk[0] as ChildEntry<unknown>).key;

/**
 * Children of a node in RTDB's key order, immutable. Kept in chunks, so that a write below a node
 * with 100,000 children copies one chunk and the list of chunks, not all children.
 */
export class SortedChildren<Node> implements Iterable<ChildEntry<Node>> {
  static empty<Node>(): SortedChildren<Node> {
    return new SortedChildren<Node>([], 0);
  }

  private constructor(
    private readonly chunks: readonly Chunk<Node>[],
    readonly size: number,
  ) {}

  /** `entries` in any order, each key once. */
  static from<Node>(entries: readonly ChildEntry<Node>[]): SortedChildren<Node> {
    const sorted = [...entries].sort((left, right) => compareKeys(left.key, right.key));
    const chunks: Chunk<Node>[] = [];
    for (let start = 0; start < sorted.length; start += MAX_CHUNK) {
      chunks.push(sorted.slice(start, start + MAX_CHUNK));
    }
    return new SortedChildren(chunks, sorted.length);
  }

  get(key: string): Node | null {
    const chunk = this.chunks[lastNotAfter(this.chunks, chunkKey, key)];
    const entry = chunk?.[lastNotAfter(chunk, entryKey, key)];
    return entry?.key === key ? entry.node : null;
  }

  with(key: string, node: Node): SortedChildren<Node> {
    const chunkIndex = Math.max(0, lastNotAfter(this.chunks, chunkKey, key));
    const chunk = this.chunks[chunkIndex] ?? [];
    const position = lastNotAfter(chunk, entryKey, key);
    const replaces = chunk[position]?.key === key;
    const next = [...chunk];
    next.splice(replaces ? position : position + 1, replaces ? 1 : 0, { key, node });
    const chunks = [...this.chunks];
    const half = next.length >> 1;
    const parts = next.length > MAX_CHUNK ? [next.slice(0, half), next.slice(half)] : [next];
    chunks.splice(chunkIndex, 1, ...parts);
    return new SortedChildren(chunks, this.size + (replaces ? 0 : 1));
  }

  without(key: string): SortedChildren<Node> {
    const chunkIndex = lastNotAfter(this.chunks, chunkKey, key);
    const chunk = this.chunks[chunkIndex];
    if (chunk === undefined || this.get(key) === null) {
      return this;
    }
    const next = chunk.filter((entry) => entry.key !== key);
    const chunks = [...this.chunks];
    chunks.splice(chunkIndex, 1, ...(next.length === 0 ? [] : [next]));
    return new SortedChildren(chunks, this.size - 1);
  }

  first(): ChildEntry<Node> | undefined {
    return this.chunks[0]?.[0];
  }

  last(): ChildEntry<Node> | undefined {
    return this.chunks.at(-1)?.at(-1);
  }

  *[Symbol.iterator](): IterableIterator<ChildEntry<Node>> {
    for (const chunk of this.chunks) {
      yield* chunk;
    }
  }

  /** Children that are not the same object in `after`, in key order. Shared chunks are skipped. */
  changesTo(after: SortedChildren<Node>): ChangedChild<Node>[] {
    let start = 0;
    while (start < this.chunks.length && this.chunks[start] === after.chunks[start]) {
      start += 1;
    }
    let end = 0;
    const shortest = Math.min(this.chunks.length, after.chunks.length);
    while (end < shortest - start && this.chunks.at(-1 - end) === after.chunks.at(-1 - end)) {
      end += 1;
    }
    const left = this.chunks.slice(start, this.chunks.length - end).flat();
    const right = after.chunks.slice(start, after.chunks.length - end).flat();
    return mergeChanges(left, right);
  }
}

function mergeChanges<Node>(left: Chunk<Node>, right: Chunk<Node>): ChangedChild<Node>[] {
  const changes: ChangedChild<Node>[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length || r < right.length) {
    const old = left[l];
    const young = right[r];
    const order = !old ? 1 : !young ? -1 : compareKeys(old.key, young.key);
    if (order <= 0) {
      l += 1;
    }
    if (order >= 0) {
      r += 1;
    }
    const before = order <= 0 && old ? old.node : null;
    const after = order >= 0 && young ? young.node : null;
    if (before !== after) {
      changes.push({
        key: (order <= 0 && old ? old : (young as ChildEntry<Node>)).key,
        before,
        after,
      });
    }
  }
  return changes;
}
