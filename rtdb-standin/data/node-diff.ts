import { exportJson } from './export-json';
import { type Json, type JsonObject, setOwn } from './json';
import type { Tree } from './node';
import type { Path } from './path';

/** A change as listeners are told: `put` replaces what is at `path`, `merge` replaces children of it. */
export type Update =
  | { readonly kind: 'put'; readonly path: Path; readonly data: Json }
  | { readonly kind: 'merge'; readonly path: Path; readonly data: JsonObject };

/**
 * The smallest single update that turns `before` into `after`; null when they are the same.
 * Without priorities a priority that changes is no change.
 */
export function updateBetween(
  before: Tree,
  after: Tree,
  withPriorities = true,
  path: Path = [],
): Update | null {
  if (before === after || (!withPriorities && deltaBetween(before, after) === undefined)) {
    return null;
  }
  const samePriority = before?.priority === after?.priority || !withPriorities;
  if (before?.kind !== 'branch' || after?.kind !== 'branch' || !samePriority) {
    return { kind: 'put', path, data: exportJson(after, { withPriorities }) };
  }
  const changes = before.children
    .changesTo(after.children)
    .filter((change) => withPriorities || deltaBetween(change.before, change.after) !== undefined);
  const [only] = changes;
  if (only === undefined) {
    return null;
  }
  if (changes.length === 1) {
    return updateBetween(only.before, only.after, withPriorities, [...path, only.key]);
  }
  const data: JsonObject = {};
  for (const { key, after: child } of changes) {
    setOwn(data, key, exportJson(child, { withPriorities }));
  }
  return { kind: 'merge', path, data };
}

/**
 * `delta` of a database event: laid over the value before it gives the value after; null removes.
 * Undefined when no value changed (priorities do not count).
 */
export function deltaBetween(before: Tree, after: Tree): Json | undefined {
  if (before === after) {
    return undefined;
  }
  if (before?.kind !== 'branch' || after?.kind !== 'branch') {
    const sameValue =
      before?.kind === 'leaf' && after?.kind === 'leaf' && before.value === after.value;
    return sameValue ? undefined : exportJson(after);
  }
  const delta: JsonObject = {};
  for (const change of before.children.changesTo(after.children)) {
    const childDelta = deltaBetween(change.before, change.after);
    if (childDelta !== undefined) {
      setOwn(delta, change.key, childDelta);
    }
  }
  return Object.keys(delta).length === 0 ? undefined : delta;
}
