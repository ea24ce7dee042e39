import type { Row } from '../readings/compare-key';
import { normalizeInstant } from '../values/event-time';
import type { Json, JsonObject } from '../values/json';
import { ROW_COLUMNS } from './copy-texts';

/** A line of COPY isn't what Postgres writes. */
export class CopyFormatError extends Error {
  override name = 'CopyFormatError';
}

/** Names and types of what a path declares, in the order of a row. */
export type RowColumns = readonly (readonly [name: string, type: string])[];

/**
 * One row of a mirrored table, a tombstone too, as a line of COPY had it. Most of it nobody looks at,
 * so all but the key is read when it is asked for.
 */
export class TableRow implements Row {
  readonly #rest: string;

  /**
   * @param parts the key, in the order of the primary key; the first is the shard
   * @param rest the line after them
   */
  constructor(
    readonly parts: readonly string[],
    rest: string,
    private readonly declared: RowColumns,
  ) {
    this.#rest = rest;
  }

  /** RTDB's value as `jsonb` keeps it; null on a tombstone. */
  get payload(): Json {
    // What most leaves of some paths are.
    if (this.#rest.startsWith('true\t')) return true;
    const text = unescaped(this.#rest.slice(0, this.#rest.indexOf('\t')));
    return text === null ? null : JSON.parse(text);
  }

  get origin(): string {
    return this.#field(1) ?? '';
  }

  get eventId(): string | null {
    return this.#field(2);
  }

  get eventTime(): string | null {
    return instantOf(this.#field(3));
  }

  get isTombstone(): boolean {
    return this.#field(4) !== null;
  }

  /** Normalized instant. */
  get mirroredAt(): string {
    return instantOf(this.#field(5)) ?? '-infinity';
  }

  get columns(): JsonObject {
    const fields = this.#rest.split('\t').slice(ROW_COLUMNS.length);
    return Object.fromEntries(
      this.declared.map(([name, type], at) => [name, shownAs(type, unescaped(fields[at] ?? NULL))]),
    );
  }

  #field(column: number): string | null {
    return unescaped(this.#rest.split('\t')[column] ?? NULL);
  }
}

const NULL = '\\N';

/**
 * Reads one line of `COPY … TO STDOUT`, without its line feed.
 *
 * @param keySize how many columns the key has
 * @param declared what follows {@link ROW_COLUMNS}
 * @throws CopyFormatError where the line has other columns, or a null in its key
 */
export function parseRow(line: string, keySize: number, declared: RowColumns = []): TableRow {
  const parts: string[] = [];
  let from = 0;
  let rest = 0;
  let columns = 1;
  for (let tab = line.indexOf('\t'); tab !== -1; tab = line.indexOf('\t', from)) {
    if (columns <= keySize) {
      const part = line.slice(from, tab);
      parts.push(part.includes('\\') ? keyPart(part) : part);
      rest = tab + 1;
    }
    columns += 1;
    from = tab + 1;
  }
  const expected = keySize + ROW_COLUMNS.length + declared.length;
  if (columns === expected) return new TableRow(parts, line.slice(rest), declared);
  throw new CopyFormatError(`COPY sent ${columns} columns; expected ${expected}`);
}

function keyPart(field: string): string {
  const part = unescaped(field);
  if (part === null) throw new CopyFormatError('COPY sent a null in a key');
  return part;
}

/** Source: PostgreSQL manual, COPY, "Text Format": what COPY TO writes. */
const ESCAPES: Readonly<Record<string, string>> = {
  ...{ b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\' },
};

/** A field's text; null where it is SQL's null. */
function unescaped(field: string): string | null {
  if (field === NULL) return null;
  if (!field.includes('\\')) return field;
  return field.replace(/\\(.?)/gs, (_, letter: string) => {
    const text = ESCAPES[letter];
    if (text === undefined) throw new CopyFormatError(`COPY sent the escape \\${letter}`);
    return text;
  });
}

/** A column as jsonb would show it. */
function shownAs(type: string, text: string | null): Json {
  if (text === null) return null;
  switch (type) {
    case 'integer':
    case 'bigint':
    case 'double precision':
      return Number.isFinite(Number(text)) ? Number(text) : text;
    case 'boolean':
      return text === 't';
    case 'jsonb':
      return JSON.parse(text);
    case 'timestamp with time zone':
      return instantOf(text) ?? text;
    default:
      return text;
  }
}

/** From what Postgres prints under `datestyle` ISO and in UTC: `2026-11-01 12:00:00.5+00`. */
function instantOf(text: string | null): string | null {
  if (text === null || !text.endsWith('+00')) return null;
  return normalizeInstant(`${text.slice(0, -3)}Z`);
}
