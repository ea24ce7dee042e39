import { compareUtf8 } from '../values/utf8-order';

const INTEGER_LIKE = /^-?0*\d{1,10}$/;
const INT32 = 2 ** 31;

/**
 * RTDB's order of keys: those that look like a 32-bit integer first, by their number (the shorter of
 * two spellings first), then all others, here by their UTF-8 bytes. RTDB's own SDK compares those by
 * UTF-16 units (`nameCompare` in @firebase/database); the two differ only beyond U+FFFF, and
 * `compareBackup` stands a file in another order.
 *
 * Source: https://firebase.google.com/docs/database/web/lists-of-data#orderbykey
 *
 * @returns less than, equal to or greater than 0
 */
export function compareRtdbKeys(a: string, b: string): number {
  if (a === b) return 0;
  const [first, second] = [integerOf(a), integerOf(b)];
  if (first === null && second === null) return compareUtf8(a, b);
  if (first === null) return 1;
  if (second === null) return -1;
  return first - second || a.length - b.length || compareUtf8(a, b);
}

function integerOf(key: string): number | null {
  const first = key.charCodeAt(0);
  // Most keys are no numbers, and this is asked of every one.
  if (first !== 0x2d && (first < 0x30 || first > 0x39)) return null;
  if (!INTEGER_LIKE.test(key)) return null;
  const number = Number(key);
  return number >= -INT32 && number < INT32 ? number : null;
}

/** Orders keys of one shard as their table does: part by part, by UTF-8 bytes. */
export function compareParts(a: readonly string[], b: readonly string[]): number {
  for (let place = 1; place < a.length; place += 1) {
    const order = compareUtf8(a[place] ?? '', b[place] ?? '');
    if (order !== 0) return order;
  }
  return 0;
}

export function isSameKey(a: readonly string[], b: readonly string[]): boolean {
  // The last parts differ most often.
  for (let place = a.length - 1; place > 0; place -= 1) if (a[place] !== b[place]) return false;
  return true;
}
