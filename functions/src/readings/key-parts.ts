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
 * key that RTDB can't hold: a slash inside it is written out, or two rows would have one ref.
 */
export function refOfParts(ref: string, parts: readonly string[]): string {
  const keys: string[] = [];
  let place = 0;
  for (const step of stepsOf(ref)) {
    if ('literal' in step) keys.push(step.literal);
    else if (place < parts.length) keys.push((parts[place++] ?? '').replaceAll('/', '%2F'));
    else break;
  }
  return keys.join('/');
}
