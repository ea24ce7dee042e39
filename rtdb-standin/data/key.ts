import { RtdbError } from '../rtdb-error';

const MAX_KEY_BYTES = 768;
const INTEGER_LIKE = /^-?0*\d{1,10}$/;
const MIN_INT32 = -(2 ** 31);
const MAX_INT32 = 2 ** 31 - 1;
// biome-ignore lint/suspicious/noControlCharactersInRegex: RTDB forbids ASCII control characters
const FORBIDDEN_IN_KEY = /[.$#[\]/\u0000-\u001f\u007f]/;

function asInt32(key: string): number | null {
  const first = key.charCodeAt(0);
  const startsLikeNumber = first === 45 || (first >= 48 && first <= 57);
  if (!startsLikeNumber || !INTEGER_LIKE.test(key)) {
    return null;
  }
  const value = Number(key);
  return value >= MIN_INT32 && value <= MAX_INT32 ? value : null;
}

/**
 * RTDB's key order: 32-bit integers first, numerically, then strings by UTF-16 unit.
 * Firebase docs, "Retrieving Data: How query data is ordered".
 */
export function compareKeys(left: string, right: string): number {
  if (left === right) {
    return 0;
  }
  const leftInteger = asInt32(left);
  const rightInteger = asInt32(right);
  if (leftInteger !== null && rightInteger !== null) {
    return leftInteger - rightInteger || left.length - right.length;
  }
  if (leftInteger !== null) {
    return -1;
  }
  if (rightInteger !== null) {
    return 1;
  }
  return left < right ? -1 : 1;
}

function isWellFormed(key: string): boolean {
  try {
    encodeURIComponent(key);
    return true;
  } catch {
    return false;
  }
}

/** Throws `RtdbError` `invalid` unless `key` may name a child: no `. $ # [ ] /`, no control characters, 1 to 768 bytes. */
export function assertValidKey(key: string): void {
  if (key === '' || FORBIDDEN_IN_KEY.test(key) || !isWellFormed(key)) {
    throw new RtdbError(
      'invalid',
      `Invalid data; couldn't parse key beginning at ${JSON.stringify(key.slice(0, 40))}. ` +
        "Key value can't be empty or contain $ # [ ] / . or control characters",
    );
  }
  if (key.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new RtdbError('invalid', `Invalid data; key is longer than ${MAX_KEY_BYTES} bytes`);
  }
}
