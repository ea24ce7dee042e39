import type { Json } from './json';

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
