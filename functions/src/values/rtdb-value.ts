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
  return Array.isArray(value) ? canonicalList(value) : canonicalChildren(value);
}

/**
 * An object without inherited keys: one named `__proto__` is a key like any other. Unlike
 * `Object.create(null)`, which V8 makes a hash table, it is as fast to fill, walk and print as a literal.
 */
const Children = function Children() {} as unknown as new () => JsonObject;
Children.prototype = Object.freeze(Object.create(null));

// A leaf may have tens of thousands of fields: nothing below makes more of each than it must.

function canonicalChildren(value: object): Json {
  const children = new Children();
  let count = 0;
  let last = -1;
  for (const key of Object.keys(value)) {
    const kept = canonicalValue((value as JsonObject)[key]);
    if (kept === null) continue;
    children[key] = kept;
    count += 1;
    if (last !== NOT_A_LIST) last = isIndex(key) ? Math.max(last, Number(key)) : NOT_A_LIST;
  }
  if (count === 0) return null;
  if (!isListOf(count, last)) return children;
  return Array.from({ length: last + 1 }, (_, index) => children[index] ?? null);
}

function canonicalList(value: readonly unknown[]): Json {
  const list = Array.from(value, canonicalValue);
  const last = list.findLastIndex((item) => item !== null);
  let count = 0;
  for (const item of list) if (item !== null) count += 1;
  if (count === 0) return null;
  list.length = last + 1;
  if (isListOf(count, last)) return list;
  const children = new Children();
  for (const [index, item] of list.entries()) if (item !== null) children[index] = item;
  return children;
}

const NOT_A_LIST = Number.POSITIVE_INFINITY;

function isIndex(key: string): boolean {
  return /^(0|[1-9]\d{0,8})$/.test(key);
}

function isListOf(count: number, last: number): boolean {
  return last < 2 * count;
}

/** RTDB's limit. Source: Firebase documentation, "Realtime Database Limits". */
export const MAX_DEPTH = 32;

/** Whether a value nests deeper than RTDB does: walking it could exhaust the stack, Postgres' too. */
export function isTooDeep(value: unknown, levels = MAX_DEPTH): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  for (const key in value) {
    if (isTooDeep((value as JsonObject)[key], levels - 1)) return true;
  }
  return false;
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
  const children: Record<string, unknown> = new Children();
  for (const key of Object.keys(data)) {
    if (!isKeyOf(delta, key)) children[key] = data[key];
  }
  for (const key of Object.keys(delta)) {
    const change = delta[key];
    if (change === null) continue;
    children[key] = isKeyOf(data, key) ? changedValue(data[key], change, levels - 1) : change;
  }
  return children;
}

function isTree(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Not `in` or `hasOwn`: a list has a `length` of its own, which isn't a key in RTDB. */
function isKeyOf(tree: object, key: string): boolean {
  return Object.prototype.propertyIsEnumerable.call(tree, key);
}

/**
 * Whether two values are one and the same to RTDB and to `jsonb`: the order of keys does not
 * matter, nor the sign of zero. Both in canonical form, whose objects have no prototype: the usual
 * deep equality takes those for another kind of object.
 */
export function isSameValue(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((item, index) => isSameValue(item, b[index] ?? null))
    );
  }
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isSameValue(a[key] ?? null, b[key] ?? null))
  );
}
