import type { MirroredPath } from '../paths/mirrored-path';
import type { Json, JsonObject } from '../values/json';
import { escapeText } from '../values/storable';
import { compareUtf8 } from '../values/utf8-order';
import type { ComparedKey } from './compare-key';
import { keyObject } from './key-parts';
import { leafOfParts } from './look-at-shard';

/** A leaf that is to be written, as `mirror.fill_rows` and `mirror.repair_rows` take it. */
export interface TakenLeaf {
  ref: string;
  /** By column. */
  row: JsonObject;
}

/**
 * The row that shows what RTDB holds, for a writer that no event tells when that was written: without a time of its
 * own it is dated by the end of its day, or by the reading. Pure.
 */
export function takenLeaf(
  { ref, parts, rtdb }: Pick<ComparedKey, 'ref' | 'parts' | 'rtdb'>,
  path: MirroredPath,
  readAt: string,
): TakenLeaf {
  const leaf = leafOfParts(path, parts);
  const { day } = path.placeOf(leaf);
  const endOfDay = `${day ?? readAt.slice(0, 10)}T23:59:59.999999Z`;
  const parsed = path.parseValue(rtdb, leaf, endOfDay < readAt ? endOfDay : readAt);
  const columns: JsonObject = parsed.ok ? parsed.state.columns : {};
  return taken(ref, { ...keyObject(path, parts), ...columns, payload: rtdb });
}

/** A leaf with these columns of its row. */
export function taken(ref: string, row: { [column: string]: Json }): TakenLeaf {
  return { ref: escapeText(ref), row };
}

/** Every writer takes its rows in the order of the primary key: no deadlocks. */
export function inKeyOrder(
  a: { parts: readonly string[] },
  b: { parts: readonly string[] },
): number {
  for (let place = 0; place < a.parts.length; place += 1) {
    const order = compareUtf8(a.parts[place] ?? '', b.parts[place] ?? '');
    if (order !== 0) return order;
  }
  return 0;
}
