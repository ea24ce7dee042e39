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
