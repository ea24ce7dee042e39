import type { ColumnType } from '../paths/columns';

/** A migration, as its folder has it. */
export interface Migration {
  /** `YYYYMMDDHHMMSS_name.sql` */
  name: string;
  sql: string;
}

/** What the migrations have made of a path. */
export interface MigratedPath {
  ref: string;
  /** As the last `declare_path` has them. */
  columns: readonly string[];
  visibleTo: readonly string[];
  /** Types by column, of all that the table has, declared or not; `date` is a day's. */
  table: ReadonlyMap<string, TableType>;
  /** The file that declared it last. */
  file: string;
}

type TableType = ColumnType | 'date';

/** How the migrations and Postgres itself spell the types that a declaration knows. */
const TYPES: readonly [string, TableType][] = [
  ['text', 'text'],
  ['integer', 'integer'],
  ['int', 'integer'],
  ['bigint', 'bigint'],
  ['double precision', 'double precision'],
  ['boolean', 'boolean'],
  ['timestamptz', 'timestamp with time zone'],
  ['timestamp with time zone', 'timestamp with time zone'],
  ['jsonb', 'jsonb'],
  ['date', 'date'],
];
const TYPE = TYPES.map(([spelling]) => spelling)
  .sort((a, b) => b.length - a.length)
  .join('|');
const COLUMN = `"?([a-z][a-z0-9_]*)"? +(${TYPE})\\b`;

/**
 * The paths by name, as the migrations leave them. Pure: read from the text, as no database needs to be
 * at hand when a declaration changes.
 *
 * @param migrations in their order
 */
export function declaredSoFar(migrations: readonly Migration[]): Map<string, MigratedPath> {
  const paths = new Map<string, MigratedPath>();
  const tables = new Map<string, Map<string, TableType>>();
  for (const { name: file, sql } of migrations) {
    const text = withoutComments(sql);
    noteTables(text, tables);
    for (const [, name = '', ref = '', rest = '', removed] of text.matchAll(DECLARE_OR_REMOVE)) {
      if (removed !== undefined) {
        paths.delete(removed);
        continue;
      }
      const table = tables.get(name) ?? new Map();
      const columns = listArgument(rest, 'columns');
      const visibleTo = listArgument(rest, 'visible_to');
      paths.set(name, { ref: ref.replaceAll("''", "'"), columns, visibleTo, table, file });
    }
  }
  return paths;
}

/** What looks like a comment inside a quoted text, such as a ref, isn't one. */
function withoutComments(sql: string): string {
  return sql.replace(
    /--.*$|\/\*[\s\S]*?\*\/|(\$\w*\$)([\s\S]*?)\1|'(?:[^']|'')*'/gm,
    (whole, tag?: string, body = '') => {
      if (tag !== undefined) return tag + withoutComments(body) + tag;
      return whole.startsWith("'") ? whole : '';
    },
  );
}

const DECLARE_PATH =
  /select\s+mirror\.declare_path\(\s*'([a-z0-9_]+)'\s*,\s*'((?:[^']|'')+)'([^;]*?)\)\s*;/;
/** Once a path is no longer mirrored, another may have its ref. */
const REMOVE_PATH =
  /update\s+mirror\.paths\s+set\s+removed_at\s*=[^;]*?where\s+path\s*=\s*'([a-z0-9_]+)'\s*;/;
const DECLARE_OR_REMOVE = new RegExp(`${DECLARE_PATH.source}|${REMOVE_PATH.source}`, 'g');

function listArgument(rest: string, name: string): string[] {
  const list = new RegExp(`\\b${name}\\s*=>\\s*'\\{([^}]*)\\}'`).exec(rest)?.[1] ?? '';
  return list.split(',').flatMap((value) => value.trim().replaceAll('"', '') || []);
}

/** Adds what a migration's statements create, add and drop. */
function noteTables(text: string, tables: Map<string, Map<string, TableType>>): void {
  const statements =
    /\b(create|alter)\s+table\s+(?:if\s+(?:not\s+)?exists\s+)?(?:only\s+)?rtdb\.([a-z0-9_]+)\b([^;]*)/g;
  for (const [, verb, name = '', body = ''] of text.matchAll(statements)) {
    const table = tables.get(name) ?? new Map<string, TableType>();
    tables.set(name, table);
    const columns =
      verb === 'create'
        ? new RegExp(`^\\s*\\(?\\s*${COLUMN}`, 'gm')
        : new RegExp(`\\badd\\s+(?:column\\s+)?(?:if\\s+not\\s+exists\\s+)?${COLUMN}`, 'g');
    for (const [, column = '', spelling] of body.matchAll(columns)) {
      const type = TYPES.find(([known]) => known === spelling)?.[1];
      if (type !== undefined) table.set(column, type);
    }
    if (verb !== 'alter') continue;
    for (const [, column = ''] of body.matchAll(
      /\bdrop\s+column\s+(?:if\s+exists\s+)?"?(\w+)"?/g,
    )) {
      table.delete(column);
    }
  }
}
