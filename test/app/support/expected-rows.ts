import type { JsonValue } from '../../support/cloud-event';

/** A row that a mirror of a path must hold. */
export interface ExpectedRow {
  /** By column: `couple_id`, `date_key`, ... */
  readonly key: Readonly<Record<string, string>>;
  readonly value: JsonValue;
}

/**
 * What a table must hold so that it equals a tree. Knows nothing of the mirror's code.
 *
 * @param tree RTDB as it exports itself: what is a list there is one here
 * @param ref the path's pattern, such as `lp_awards/{coupleId}/{awardId}`
 */
export function expectedRows(tree: JsonValue, ref: string): ExpectedRow[] {
  return rowsBelow(tree, ref.split('/'), {});
}

/** The key columns of a pattern, in its order. */
export function keyColumns(ref: string): string[] {
  return Array.from(ref.matchAll(/\{(\w+)\}/g), ([, name = '']) => columnOf(name));
}

function rowsBelow(node: JsonValue, parts: string[], key: Record<string, string>): ExpectedRow[] {
  if (node === null) return [];
  const [part, ...rest] = parts;
  if (part === undefined) return [{ key, value: node }];
  if (typeof node !== 'object') return [];
  const capture = /^\{(\w+)\}$/.exec(part)?.[1];
  return Object.entries(node)
    .filter(([child]) => capture !== undefined || child === part)
    .flatMap(([child, value]) =>
      rowsBelow(value, rest, capture === undefined ? key : { ...key, [columnOf(capture)]: child }),
    );
}

function columnOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
