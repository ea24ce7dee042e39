import type { Path } from './path';
import { SortedChildren } from './sorted-children';

export type LeafValue = string | number | boolean;
export type Priority = string | number | null;

export interface LeafNode {
  readonly kind: 'leaf';
  readonly value: LeafValue;
  readonly priority: Priority;
}

export interface BranchNode {
  readonly kind: 'branch';
  readonly children: SortedChildren<DataNode>;
  readonly priority: Priority;
}

/** A value of the database. Immutable; absence is null, and a branch is never empty. */
export type DataNode = LeafNode | BranchNode;
export type Tree = DataNode | null;

export function leaf(value: LeafValue, priority: Priority = null): LeafNode {
  return { kind: 'leaf', value, priority };
}

/** A branch, or null when there are no children. */
export function branch(
  children: SortedChildren<DataNode>,
  priority: Priority = null,
): BranchNode | null {
  return children.size === 0 ? null : { kind: 'branch', children, priority };
}

export function childOf(node: Tree, key: string): Tree {
  return node?.kind === 'branch' ? node.children.get(key) : null;
}

export function nodeAt(root: Tree, path: Path): Tree {
  let node = root;
  for (const key of path) {
    node = childOf(node, key);
  }
  return node;
}

/** As `nodeAt`; a path that ends in `.priority` leads to the priority of what is above it. */
export function valueAt(root: Tree, path: Path): Tree {
  if (path.at(-1) !== '.priority') {
    return nodeAt(root, path);
  }
  const priority = nodeAt(root, path.slice(0, -1))?.priority ?? null;
  return priority === null ? null : leaf(priority);
}

export function withPriority(node: Tree, priority: Priority): Tree {
  return node === null ? null : { ...node, priority };
}

/** `after`, with every subtree that equals its counterpart replaced by the object in `before`. */
function share(before: Tree, after: Tree): Tree {
  if (before === after || before === null || after === null) {
    return after;
  }
  if (before.kind === 'leaf' || after.kind === 'leaf') {
    const equal =
      before.kind === 'leaf' &&
      after.kind === 'leaf' &&
      before.value === after.value &&
      before.priority === after.priority;
    return equal ? before : after;
  }
  let equal = before.children.size === after.children.size && before.priority === after.priority;
  const entries = Array.from(after.children, (entry) => {
    const old = before.children.get(entry.key);
    const node = share(old, entry.node) ?? entry.node;
    equal &&= node === old;
    return { key: entry.key, node };
  });
  return equal ? before : branch(SortedChildren.from(entries), after.priority);
}

/**
 * The tree with `value` at `path`; the same object when nothing changed. Unchanged subtrees are
 * shared with the old tree, so that two versions compare by identity.
 */
export function setAt(root: Tree, path: Path, value: Tree, depth = 0): Tree {
  const key = path[depth];
  if (key === undefined) {
    return share(root, value);
  }
  const child = childOf(root, key);
  const next = setAt(child, path, value, depth + 1);
  if (next === child) {
    return root;
  }
  const children = root?.kind === 'branch' ? root.children : SortedChildren.empty<DataNode>();
  return branch(
    next === null ? children.without(key) : children.with(key, next),
    root?.priority ?? null,
  );
}
