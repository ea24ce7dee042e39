import { ConfigurationError } from '../errors/mirror-error';
import type { ColumnType } from '../paths/columns';
import type { MigratedPath } from './declared-so-far';
import type { AddedColumn, TablePath } from './migration-file';

/** What differs between a declaration and what the migrations have made of it. */
export interface PathChange {
  /** Columns that the table lacks. */
  added: readonly AddedColumn[];
  /** Columns that it has, and that are declared again. */
  declaredAgain: readonly string[];
  /** Columns that are no longer declared; the table keeps them. */
  dropped: readonly string[];
  visibleToChanged: boolean;
}

/**
 * Compares a declaration with its migrations; null where nothing is to be migrated. Pure.
 *
 * @throws ConfigurationError where its ref or day has changed, or the type of a column
 */
export function pathChange(path: TablePath, migrated: MigratedPath): PathChange | null {
  refuseOtherKey(path, migrated);
  const declared = Object.entries(path.columns);
  for (const [column, type] of declared) refuseOtherType(path.name, column, type, migrated);
  const added = declared
    .filter(([column]) => !migrated.table.has(column))
    .map(([column, type]) => ({ column, type }));
  const isAdded = (column: string) => added.some((one) => one.column === column);
  const declaredAgain = declared
    .map(([column]) => column)
    .filter((column) => !migrated.columns.includes(column) && !isAdded(column));
  const dropped = migrated.columns.filter((column) => !Object.hasOwn(path.columns, column));
  const visibleToChanged = !isSameSet(path.visibleTo, migrated.visibleTo);
  const isChanged = added.length + declaredAgain.length + dropped.length > 0 || visibleToChanged;
  return isChanged ? { added, declaredAgain, dropped, visibleToChanged } : null;
}

/** The table's key and the rows that are there follow from both. */
function refuseOtherKey(
  { name, ref, keyColumns, dayColumn }: TablePath,
  { ref: known, table, file }: MigratedPath,
): void {
  const complain = (option: string, expected: string) => {
    throw new ConfigurationError(
      `path ${JSON.stringify(name)}: ${option}: expected ${expected}, as ${file} has it; ` +
        `a path keeps its ${option}, so give the new one another name`,
    );
  };
  if (ref !== known) complain('ref', known);
  const day = keyColumns.find((column) => table.get(column) === 'date') ?? null;
  if (day !== dayColumn) complain('day', day === null ? 'none' : `the part of ${day}`);
}

function refuseOtherType(
  name: string,
  column: string,
  type: ColumnType,
  { table }: MigratedPath,
): void {
  const held = table.get(column);
  if (held === undefined || held === type) return;
  throw new ConfigurationError(
    `path ${JSON.stringify(name)}: column ${column}: expected ${held}, which the table has, ` +
      `not ${type}; a column keeps its type, so give the new one another name`,
  );
}

function isSameSet(first: readonly string[], second: readonly string[]): boolean {
  return first.length === second.length && first.every((value) => second.includes(value));
}
