import type { JsonValue } from '../../support/cloud-event';
import type { LiveRow } from './differences';
import type { ExpectedRow } from './expected-rows';

/** The types of a path's columns, as the database has them. */
export type ColumnTypes = Readonly<Record<string, string>>;

/** Columns that aren't called as the field they show. */
const FIELDS: Readonly<Record<string, string>> = {
  'lp_awards.awarded_at': 'timestamp',
  'memory_puzzles.created_at_local': 'createdAt',
  'memory_puzzles.expires_at_local': 'expiresAt',
};

/**
 * What each column must show of a document: the field of its name, or null where the type can't hold it.
 * Knows nothing of the mirror's code. Not for completions, which have other columns.
 */
function expectedColumns(
  path: string,
  value: JsonValue,
  types: ColumnTypes,
): Record<string, JsonValue> {
  if (path === 'daily_quests') return { quest_count: Object.values(value ?? {}).length };
  const document = new Map(Object.entries(value ?? {}));
  return Object.fromEntries(
    Object.entries(types).map(([column, type]) => {
      return [column, held(document.get(fieldOf(path, column)) ?? null, type)];
    }),
  );
}

/** The field that a column shows. */
export function fieldOf(path: string, column: string): string {
  return FIELDS[`${path}.${column}`] ?? camelCase(column);
}

/** A line for each column of a row that shows something else. */
export function columnDifferences(
  path: string,
  rows: readonly LiveRow[],
  expected: readonly ExpectedRow[],
  types: ColumnTypes,
): string[] {
  return expected.flatMap(({ key, value }) => {
    const row = rows.find((each) => Object.entries(key).every(([name, id]) => each[name] === id));
    return Object.entries(expectedColumns(path, value, types)).flatMap(([column, wanted]) => {
      const actual = comparable(row?.[column] ?? null, types[column]);
      const place = `${Object.values(key).join('/')}#${column}`;
      return actual === wanted ? [] : [`${place}: ${String(actual)}, not ${String(wanted)}`];
    });
  });
}

const JAVASCRIPT_TYPES: Readonly<Record<string, string>> = {
  text: 'string',
  integer: 'number',
  boolean: 'boolean',
};

function held(value: JsonValue, type: string): JsonValue {
  // The app writes every instant as milliseconds.
  if (type === 'timestamp with time zone') return typeof value === 'number' ? value : null;
  return typeof value === JAVASCRIPT_TYPES[type] ? value : null;
}

function comparable(value: JsonValue, type: string | undefined): JsonValue {
  const isInstant = type === 'timestamp with time zone' && value !== null;
  return isInstant ? Date.parse(String(value)) : value;
}

function camelCase(column: string): string {
  return column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
