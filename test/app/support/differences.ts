import type { JsonValue } from '../../support/cloud-event';
import type { ExpectedRow } from './expected-rows';

const MOST_CHARACTERS = 100;

/** A live row of a path's table, as `to_jsonb` shows it. */
export type LiveRow = { readonly [column: string]: JsonValue };

/**
 * Where two values differ, a line for each leaf; none where they are the same. The order of keys is
 * no part of a value.
 */
export function leafDifferences(actual: JsonValue, expected: JsonValue, at = ''): string[] {
  if (!isNode(actual) || !isNode(expected) || Array.isArray(actual) !== Array.isArray(expected)) {
    return actual === expected ? [] : [`${at}: ${short(actual)}, not ${short(expected)}`];
  }
  const keys = new Set([...Object.keys(actual), ...Object.keys(expected)]);
  return [...keys].flatMap((key) =>
    leafDifferences(childOf(actual, key), childOf(expected, key), at === '' ? key : `${at}/${key}`),
  );
}

/**
 * Where a table differs from what it must hold: rows that lack, rows too many, and leaf by leaf the
 * rows whose payload is another.
 *
 * @param rows the live rows only
 */
export function rowDifferences(
  rows: readonly LiveRow[],
  expected: readonly ExpectedRow[],
  columns: readonly string[],
): string[] {
  const actual = new Map(rows.map((row) => [nameOf(row, columns), row.payload ?? null]));
  const wanted = new Map(expected.map(({ key, value }) => [nameOf(key, columns), value]));
  const twice = rows.length - actual.size;
  return [
    ...(twice === 0 ? [] : [`${twice} rows too many with a key that is there`]),
    ...[...wanted.keys()].filter((name) => !actual.has(name)).map((name) => `lacks ${name}`),
    ...[...actual].flatMap(([name, payload]) => {
      const value = wanted.get(name);
      if (value === undefined) return [`holds ${name}, which RTDB doesn't`];
      return leafDifferences(payload, value, name);
    }),
  ];
}

function nameOf(row: LiveRow, columns: readonly string[]): string {
  return columns.map((column) => String(row[column])).join('/');
}

type Node = { readonly [key: string]: JsonValue };

function isNode(value: JsonValue): value is Node & object {
  return typeof value === 'object' && value !== null;
}

function childOf(node: Node, key: string): JsonValue {
  return Object.hasOwn(node, key) ? (node[key] ?? null) : null;
}

function short(value: JsonValue): string {
  const text = JSON.stringify(value);
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}
