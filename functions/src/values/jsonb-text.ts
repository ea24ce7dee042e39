import { hash } from 'node:crypto';
import type { Json, JsonObject } from './json';
import { compareUtf8 } from './utf8-order';

/**
 * The text that Postgres prints for a value that was sent to it as JSON and became a `jsonb`. Not for
 * values that a `jsonb` can't hold: see `isStorable`.
 *
 * Source: PostgreSQL manual, 8.14 "JSON Types"; `JsonbToCString`, `escape_json` and
 * `lengthCompareJsonbStringValue` in its sources.
 */
export function jsonbText(value: Json): string {
  if (typeof value === 'number') return numericText(value);
  // Both escape quotes, backslashes and control characters alone, and in the same way.
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null || typeof value !== 'object') return String(value);
  return Array.isArray(value) ? listText(value) : objectText(value);
}

/**
 * What tells a value from others where it is too large to send: equal to `mirror.value_hash` of it.
 * A value that isn't there has no hash in either.
 *
 * @returns 32 hexadecimal digits
 */
export function valueHash(value: Json): string {
  return hash('sha256', jsonbText(value)).slice(0, 32);
}

// Values may have tens of thousands of fields: text is only ever added to.

function listText(list: readonly Json[]): string {
  let text = '[';
  let separator = '';
  for (const item of list) {
    text += separator + jsonbText(item);
    separator = ', ';
  }
  return `${text}]`;
}

function objectText(object: JsonObject): string {
  let text = '{';
  let separator = '';
  for (const key of inJsonbOrder(Object.keys(object))) {
    text += `${separator}${JSON.stringify(key)}: ${jsonbText(object[key] ?? null)}`;
    separator = ', ';
  }
  return `${text}}`;
}

const NOT_ASCII = /[^\0-\x7f]/;

/** Shorter keys first, in bytes; those of one length by their bytes. */
function inJsonbOrder(keys: string[]): string[] {
  if (!keys.some((key) => NOT_ASCII.test(key))) {
    return keys.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  }
  const bytes = new Map(keys.map((key) => [key, Buffer.byteLength(key)]));
  const bytesOf = (key: string) => bytes.get(key) ?? 0;
  return keys.sort((a, b) => bytesOf(a) - bytesOf(b) || compareUtf8(a, b));
}

/** A `numeric` has no exponent: all digits of what JSON wrote, and no more. */
function numericText(value: number): string {
  const text = JSON.stringify(value);
  const written = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (!written) return text;
  const [, sign = '', whole = '', fraction = '', exponent] = written;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return sign + digits.padEnd(point, '0');
}
