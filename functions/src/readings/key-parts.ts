import type { MirroredPath } from '../paths/mirrored-path';
import type { Json, JsonObject } from '../values/json';
import { stepsOf } from './shard-node';

/** A key by its columns. */
export function keyObject(
  { keyColumns }: Pick<MirroredPath, 'keyColumns'>,
  parts: readonly string[],
): JsonObject {
  return Object.fromEntries(keyColumns.map((column, place) => [column, parts[place] ?? null]));
}

/** The parts of a key, in order; of one that lacks a column, '' in its place. */
export function partsOfKey(
  { keyColumns }: Pick<MirroredPath, 'keyColumns'>,
  key: JsonObject,
): string[] {
  return keyColumns.map((column) => textOf(key[column] ?? null));
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : '';
}

/** What tells keys apart: no text of Postgres' holds U+0000. */
export function keyId(parts: readonly string[]): string {
  return parts.join('\0');
}

/**
 * The ref of a leaf, or of what lies above it, by the parts of its key: `lp_awards/couple/award`. A row may have a
 * key with a slash inside, which RTDB can't hold: it is written out by a `$`, which RTDB can't hold either. So two
 * keys never have one ref, and what RTDB can hold is its own.
 */
export function refOfParts(ref: string, parts: readonly string[]): string {
  const keys: string[] = [];
  let place = 0;
  for (const step of stepsOf(ref)) {
    if ('literal' in step) keys.push(step.literal);
    else if (place < parts.length) keys.push((parts[place++] ?? '').replace(/[$/]/g, writtenOut));
    else break;
  }
  return keys.join('/');
}

function writtenOut(character: string): string {
  return character === '/' ? '$2F' : '$24';
}

/**
 * Whether RTDB orders a key as text. Others, such as `20261128`, come before all of these, by their number.
 *
 * Source: https://firebase.google.com/docs/database/rest/retrieve-data ("How data is ordered")
 */
export function isTextKey(key: string): boolean {
  return !/^(?:0|-?[1-9]\d{0,9})$/.test(key);
}
