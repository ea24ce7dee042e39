import type { Json, JsonObject } from './json';

/**
 * RTDB keeps no arrays, no nulls and no empty objects, and each reader shows its own guess:
 * `val()`, REST and a trigger's `data` may give one list as an array or as an object with the keys
 * "0", "1", ... Both sides of every comparison go through this one form first: what RTDB itself
 * would export.
 *
 * Source: https://firebase.blog/posts/2014/04/best-practices-arrays-in-firebase (an object becomes
 * an array when all keys are integers and more than half of the places are filled).
 *
 * @param value what a reader gave
 * @returns the value RTDB holds; null where it holds nothing
 */
export function canonicalValue(value: unknown): Json {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  // JSON such as 1e999 reads as Infinity: no value of RTDB's, but no deletion either.
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value !== 'object' || value === null) return null;
  const children = canonicalChildren(value);
  const keys = Object.keys(children);
  if (keys.length === 0) return null;
  return asList(children, keys) ?? children;
}

function canonicalChildren(value: object): JsonObject {
  // No prototype: a key named __proto__ is a key like any other.
  const children: JsonObject = Object.create(null);
  for (const [key, child] of Object.entries(value)) {
    const kept = canonicalValue(child);
    if (kept !== null) children[key] = kept;
  }
  return children;
}

function asList(children: JsonObject, keys: string[]): Json[] | null {
  let last = -1;
  for (const key of keys) {
    if (!/^(0|[1-9]\d{0,8})$/.test(key)) return null;
    last = Math.max(last, Number(key));
  }
  if (last >= 2 * keys.length) return null;
  return Array.from({ length: last + 1 }, (_, index) => children[String(index)] ?? null);
}

/** RTDB's limit. Source: Firebase documentation, "Realtime Database Limits". */
export const MAX_DEPTH = 32;

/** Whether a value nests deeper than RTDB does: walking it could exhaust the stack, Postgres' too. */
export function isTooDeep(value: unknown, levels = MAX_DEPTH): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((child) => isTooDeep(child, levels - 1));
}

/**
 * The value after a write: an event's `delta` laid over its `data`; null in it removes. Objects and
 * lists merge key by key, whatever the keys are called; all else replaces. What the delta leaves
 * alone is shared with `data`.
 *
 * @returns not in canonical form: see {@link canonicalValue}
 */
export function changedValue(data: unknown, delta: unknown, levels = MAX_DEPTH): unknown {
  // What is deeper stays as it came, for the parser to refuse.
  if (!isTree(data) || !isTree(delta) || levels === 0) return delta;
  // No prototype: a key named __proto__ is a key like any other.
  const children: Record<string, unknown> = Object.create(null);
  for (const [key, child] of Object.entries(data)) {
    if (!isKeyOf(delta, key)) children[key] = child;
  }
  for (const [key, change] of Object.entries(delta)) {
    if (change === null) continue;
    children[key] = isKeyOf(data, key) ? changedValue(data[key], change, levels - 1) : change;
  }
  return children;
}

function isTree(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Not `in` or `hasOwn`: a list has a `length` of its own, which is no key of RTDB's. */
function isKeyOf(tree: object, key: string): boolean {
  return Object.prototype.propertyIsEnumerable.call(tree, key);
}
