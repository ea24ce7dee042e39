import fc from 'fast-check';

type Scalar = string | number | boolean;
type Tree = Scalar | Map<string, Tree> | null;

/**
 * What RTDB holds at one place, by its own rules: a write sets one path, null removes, an empty node is
 * none, and a key is any text. Maps and JSON text alone, so that no key can mean anything to JavaScript.
 */
export class RtdbModel {
  #root: Tree = null;

  /** @returns the change as an event's `delta` tells it, as JSON text */
  set(path: readonly string[], value: unknown): string {
    const before = this.#root;
    this.#root = withValue(before, path, treeOf(value));
    return delta(before, this.#root);
  }

  /** What it holds, as JSON text. */
  export(): string {
    return textOf(this.#root);
  }
}

/** A scalar, or entries of a node as pairs. */
function treeOf(value: unknown): Tree {
  if (!Array.isArray(value)) return value as Scalar | null;
  const node = new Map<string, Tree>();
  for (const [key, child] of value as [string, unknown][]) {
    const tree = treeOf(child);
    if (tree !== null) node.set(key, tree);
  }
  return node.size === 0 ? null : node;
}

function withValue(tree: Tree, path: readonly string[], value: Tree): Tree {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const node = new Map(tree instanceof Map ? tree : []);
  const child = withValue(node.get(key) ?? null, rest, value);
  if (child === null) node.delete(key);
  else node.set(key, child);
  return node.size === 0 ? null : node;
}

function delta(before: Tree, after: Tree): string {
  if (!(before instanceof Map) || !(after instanceof Map)) return textOf(after);
  const changes: string[] = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [old, now] = [before.get(key) ?? null, after.get(key) ?? null];
    if (textOf(old) !== textOf(now)) changes.push(`${JSON.stringify(key)}:${delta(old, now)}`);
  }
  return `{${changes.join(',')}}`;
}

function textOf(tree: Tree): string {
  if (!(tree instanceof Map)) return JSON.stringify(tree);
  const length = listLength(tree);
  if (length !== null) {
    return `[${Array.from({ length }, (_, index) => textOf(tree.get(String(index)) ?? null))}]`;
  }
  // Sorted: the order of keys is no part of a value.
  const keys = [...tree.keys()].sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${textOf(tree.get(key) ?? null)}`)}}`;
}

/** RTDB shows a node as a list where its keys are integers and more than half of the places are filled. */
function listLength(node: Map<string, Tree>): number | null {
  const keys = [...node.keys()];
  if (!keys.every((key) => /^(0|[1-9]\d{0,8})$/.test(key))) return null;
  const length = Math.max(...keys.map(Number)) + 1;
  return length <= 2 * keys.length ? length : null;
}

/** Keys that mean something to JavaScript, Postgres, JSON or a reader, and some that don't. */
export const HOSTILE_KEYS = [
  ...Object.getOwnPropertyNames(Object.prototype),
  ...['prototype', 'length', 'then', 'toJSON', 'name', 'arguments', 'caller'],
  ...['0', '1', '2', '10', '00', '-1', '1e3', '4294967295', ' ', '\u00a0', '\u200b', '-', '_'],
  ...['null', 'undefined', 'true', 'NaN', '%', '%41', 'completedAt', 'é', '💚', '"', '\\', "'"],
] as const;

export const hostileKey = fc.constantFrom(...HOSTILE_KEYS);
