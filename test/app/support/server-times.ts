import type { JsonValue } from '../../support/cloud-event';
import type { AppFixture, AppWrite } from './app-fixtures';

/** A leaf that the server stamps: which write asks for it, and what the fixture says it became. */
export interface StampedLeaf {
  readonly n: number;
  readonly path: string;
  /** Milliseconds; null where a later write replaced or removed the leaf with something else. */
  readonly ms: number | null;
}

/** Where the writes send `{".sv": "timestamp"}`, in their order. */
export function stampedLeaves({ writes, after }: AppFixture): StampedLeaf[] {
  return writes.flatMap((write) =>
    stampedPaths(write).map((path) => {
      const value = valueAt(after, path);
      return { n: write.n, path: path.join('/'), ms: typeof value === 'number' ? value : null };
    }),
  );
}

/**
 * When each write has to happen, so that the server's stamps are those of the fixture: with such a
 * clock RTDB ends in the fixture's state to the last leaf, and nothing has to be left out of a
 * comparison. A stamp that a later write replaced shows the later time, hence the walk from the end.
 *
 * @returns milliseconds by write, never falling
 */
export function serverTimes(fixture: AppFixture): number[] {
  const leaves = stampedLeaves(fixture);
  let next = Math.max(...leaves.map(({ ms }) => ms ?? 0));
  return fixture.writes
    .toReversed()
    .map(({ n }) => {
      const own = leaves.filter((leaf) => leaf.n === n).map(({ ms }) => ms ?? next);
      next = Math.min(next, ...own);
      return next;
    })
    .toReversed();
}

function stampedPaths(write: AppWrite): string[][] {
  const at = keysOf(write.path);
  if (write.op !== 'update') return stampedBelow(write.value ?? null, at);
  return Object.entries(write.value ?? {}).flatMap(([key, value]) =>
    stampedBelow(value, [...at, ...keysOf(key)]),
  );
}

function stampedBelow(value: JsonValue, path: string[]): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  if (Object.hasOwn(value, '.sv')) return isTimestamp(value) ? [path] : [];
  return Object.entries(value).flatMap(([key, child]) => stampedBelow(child, [...path, key]));
}

function isTimestamp(value: object): boolean {
  return '.sv' in value && value['.sv'] === 'timestamp';
}

function keysOf(path: string): string[] {
  return path.split('/').filter((key) => key !== '');
}

function valueAt(tree: JsonValue, path: readonly string[]): JsonValue {
  let value: JsonValue = tree;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return null;
    value = (value as { [key: string]: JsonValue })[key] ?? null;
  }
  return value;
}
