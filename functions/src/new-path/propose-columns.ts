import type { ColumnType } from '../paths/columns';
import { VERSION_COLUMNS } from '../paths/define-path';
import { FIRST_YEAR, isTimeText } from '../values/event-time';
import { snakeCase } from './path-names';

/** A column that a sample suggests. */
export interface ProposedColumn {
  column: string;
  type: ColumnType;
  /** The field that it shows; null = the value itself, which isn't an object. */
  field: string | null;
}

/** What the sample has and no column is proposed for; it stays in `payload`. */
export interface LeftOut {
  field: string;
  why: string;
}

export interface Proposal {
  columns: readonly ProposedColumn[];
  leftOut: readonly LeftOut[];
}

/** More fields than this are keys of a map: ids, days, whatever grows. */
const MOST_FIELDS = 40;
/** A longer name would not fit the declaration's line. */
const LONGEST_FIELD = 30;
const INT4 = 2 ** 31;

type Kind = 'text' | 'local time' | 'instant' | 'whole' | 'number' | 'boolean' | 'list' | 'map';

/**
 * Columns for the scalar fields of sampled documents, with the narrowest type that holds all that was
 * seen. Pure. What a later value doesn't fit is null and `value_drift`: a column never refuses.
 *
 * @param taken the key columns
 */
export function proposeColumns(documents: readonly unknown[], taken: readonly string[]): Proposal {
  const fields = new Map<string, unknown[]>();
  const bare: unknown[] = [];
  for (const document of documents) {
    if (Array.isArray(document)) continue;
    if (typeof document !== 'object' || document === null) bare.push(document);
    else {
      for (const [field, value] of Object.entries(document)) {
        const values = fields.get(field) ?? [];
        fields.set(field, values);
        if (value !== null) values.push(value);
      }
    }
  }
  if (fields.size === 0 && bare.length > 0) return ofScalars(bare, taken);
  if (fields.size > MOST_FIELDS) return ofMap(fields.size);
  return ofFields(fields, taken);
}

function ofMap(fields: number): Proposal {
  const why = `${fields} different keys: a map with keys of its own rather than fields`;
  return { columns: [], leftOut: [{ field: '*', why }] };
}

function ofScalars(values: readonly unknown[], taken: readonly string[]): Proposal {
  const type = typeOf('value', values);
  if (typeof type !== 'object' && !taken.includes('value')) {
    return { columns: [{ column: 'value', type, field: null }], leftOut: [] };
  }
  return { columns: [], leftOut: [] };
}

function ofFields(fields: ReadonlyMap<string, unknown[]>, taken: readonly string[]): Proposal {
  const columns: ProposedColumn[] = [];
  const leftOut: LeftOut[] = [];
  for (const [field, values] of fields) {
    const type = typeOf(field, values);
    const column = columnOf(field, values);
    const why =
      typeof type === 'object'
        ? type.why
        : nameIssue(field, column, [...taken, ...columns.map((other) => other.column)]);
    if (why !== null) leftOut.push({ field, why });
    else if (typeof type !== 'object') columns.push({ column, type, field });
  }
  return { columns, leftOut };
}

function nameIssue(field: string, column: string, taken: readonly string[]): string | null {
  if (field.length > LONGEST_FIELD) return 'its name is long';
  if (field === '__proto__' || !/^[A-Za-z_][\w -]*$/.test(field) || !/^[a-z]/.test(column)) {
    return "its name can't name a column";
  }
  if (VERSION_COLUMNS.includes(column)) return `${column} is a reserved name`;
  return taken.includes(column) ? `${column} is another column's name` : null;
}

/** The name of a local time shows that it isn't an instant. */
function columnOf(field: string, values: readonly unknown[]): string {
  const isLocal =
    values.length > 0 && values.every((value) => kindOf(field, value) === 'local time');
  return isLocal ? `${snakeCase(field)}_local` : snakeCase(field);
}

function typeOf(field: string, values: readonly unknown[]): ColumnType | { why: string } {
  const kinds = [...new Set(values.map((value) => kindOf(field, value)))].sort();
  const all = (...held: Kind[]) => kinds.every((kind) => held.includes(kind));
  if (kinds.length === 0) return { why: 'nothing was seen in it' };
  if (kinds.includes('map') || kinds.includes('list')) return { why: `a ${kinds.join(' or ')}` };
  if (all('boolean')) return 'boolean';
  if (all('instant')) return 'timestamp with time zone';
  if (values.every((value) => typeof value === 'string')) return 'text';
  if (values.every((value) => typeof value === 'number')) {
    if (!values.every((value) => Number.isSafeInteger(value))) return 'double precision';
    return values.every((value) => Number(value) >= -INT4 && Number(value) < INT4)
      ? 'integer'
      : 'bigint';
  }
  return { why: `of several types: ${kinds.join(', ')}` };
}

function kindOf(field: string, value: unknown): Kind {
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'number') {
    if (isTimeName(field) && isSaneMillis(value)) return 'instant';
    return Number.isInteger(value) ? 'whole' : 'number';
  }
  if (typeof value === 'string') {
    if (!isTimeText(value)) return 'text';
    return /(Z|[+-]\d{2}:\d{2})$/.test(value) ? 'instant' : 'local time';
  }
  return Array.isArray(value) ? 'list' : 'map';
}

function isTimeName(field: string): boolean {
  return /(^|_)(at|time|timestamp|date|on|since|until|sync|seen|ms|millis)$/.test(snakeCase(field));
}

/** Milliseconds of the years 2000 to 2099: a number that may as well be a count isn't one of them. */
function isSaneMillis(value: number): boolean {
  return value >= Date.UTC(FIRST_YEAR, 0) && value < Date.UTC(FIRST_YEAR + 100, 0);
}
