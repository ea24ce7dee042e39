import type { InputIssue } from './json';
import { isStorable } from './storable';

/** RTDB's limit for one key. Source: Firebase documentation, "Realtime Database Limits". */
export const MAX_KEY_BYTES = 768;

/** What RTDB refuses in a key. Source: Firebase documentation, "Structure your database". */
// biome-ignore lint/suspicious/noControlCharactersInRegex: RTDB names them
export const REFUSED_IN_KEY = /[.$#[\]/\u0000-\u001f\u007f]/;

/** What is wrong with one key of a path, for Postgres and for RTDB itself; nothing, mostly. */
export function keyIssues(field: string, key: string): InputIssue[] {
  if (!isStorable(key)) {
    return [{ field, message: 'expected text without U+0000 and lone surrogates' }];
  }
  // A UTF-16 unit takes at most three bytes.
  if (key.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(key) > MAX_KEY_BYTES) {
    return [{ field, message: `expected at most ${MAX_KEY_BYTES} bytes of UTF-8` }];
  }
  return [];
}

const INTEGER_LIKE = /^-?0*\d{1,10}$/;

/**
 * RTDB's order of keys: 32-bit integers first, by their number, then text by UTF-16 unit.
 *
 * Source: https://firebase.google.com/docs/database/rest/retrieve-data#how-rest-data-is-ordered
 *
 * @returns less than, equal to or greater than 0
 */
export function compareRtdbKeys(a: string, b: string): number {
  const [left, right] = [integerOf(a), integerOf(b)];
  if (left !== null && right !== null) return left - right || a.length - b.length;
  if (left !== null) return -1;
  if (right !== null) return 1;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function integerOf(key: string): number | null {
  const value = INTEGER_LIKE.test(key) ? Number(key) : Number.NaN;
  return value >= -(2 ** 31) && value < 2 ** 31 ? value : null;
}
