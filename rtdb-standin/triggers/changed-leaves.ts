import { childOf, type DataNode, type Tree } from '../data/node';
import type { Path } from '../data/path';
import { SortedChildren } from '../data/sorted-children';
import type { SegmentPattern } from './pattern';

/** A location that fits the pattern and whose value differs. */
export interface ChangedLocation {
  readonly path: Path;
  readonly before: Tree;
  readonly after: Tree;
}

const childrenOf = (tree: Tree): SortedChildren<DataNode> =>
  tree?.kind === 'branch' ? tree.children : SortedChildren.empty();

/**
 * Walks `pattern` over two versions of a tree. Writes at, above or below the pattern need no
 * special cases: what is the same object in both versions is skipped, the rest is compared.
 */
export function* changedLocations(
  pattern: readonly SegmentPattern[],
  before: Tree,
  after: Tree,
  path: Path = [],
): Generator<ChangedLocation> {
  if (before === after) {
    return;
  }
  const [segment, ...rest] = pattern;
  if (segment === undefined) {
    yield { path, before, after };
  } else if (segment.isMulti) {
    yield* changedBelow(rest, before, after, path);
  } else if (segment.key !== null) {
    const { key } = segment;
    yield* changedLocations(rest, childOf(before, key), childOf(after, key), [...path, key]);
  } else {
    for (const child of childrenOf(before).changesTo(childrenOf(after))) {
      if (segment.matches(child.key)) {
        yield* changedLocations(rest, child.before, child.after, [...path, child.key]);
      }
    }
  }
}

/**
 * `**`: at the end, the one location that holds all that changed; before other segments, every
 * location at any depth that fits them. Inferred: Eventarc's patterns say what fits, not how often.
 */
function* changedBelow(
  rest: readonly SegmentPattern[],
  before: Tree,
  after: Tree,
  path: Path,
): Generator<ChangedLocation> {
  const changes = childrenOf(before).changesTo(childrenOf(after));
  const [only] = changes;
  const isLeaf = before?.kind === 'leaf' || after?.kind === 'leaf';
  if (rest.length > 0) {
    yield* changedLocations(rest, before, after, path);
  } else if (isLeaf || only === undefined || changes.length > 1) {
    yield { path, before, after };
    return;
  }
  for (const child of changes) {
    yield* changedBelow(rest, child.before, child.after, [...path, child.key]);
  }
}
