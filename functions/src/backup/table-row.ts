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
  #columns: JsonObject | null = null;
  #instantText = '';
  #instant: string | null = null;

  /**
   * @param parts the key, in the order of the primary key; the first is the shard
   * @param fields what stands behind them
   */
  constructor(
    readonly parts: readonly string[],
    private readonly fields: readonly string[],
    private readonly declared: RowColumns,
  ) {}

  /** RTDB's value as `jsonb` keeps it; null on a tombstone. */
  get payload(): Json {
    const text = this.#field(0);
    // What most leaves of some paths are.
    if (text === 'true') return true;
    return text === null ? null : JSON.parse(text);
  }

  get origin(): string {
    return this.#field(1) ?? '';
  }

  get eventId(): string | null {
    return this.#field(2);
  }

  get eventTime(): string | null {
    return this.#instantOf(this.#field(3));
  }

  get isTombstone(): boolean {
    return this.fields[4] !== NULL;
  }

  /** Normalized instant. */
  get mirroredAt(): string {
    return instantOf(this.#field(5)) ?? '-infinity';
  }

  get columns(): JsonObject {
    if (this.#columns !== null) return this.#columns;
    const columns: JsonObject = {};
    let place = ROW_COLUMNS.length;
    for (const [name, type] of this.declared) {
      const text = this.#field(place++);
      const isInstant = type === 'timestamp with time zone';
      columns[name] = isInstant ? (this.#instantOf(text) ?? text) : shownAs(type, text);
    }
    this.#columns = columns;
    return columns;
  }

  #field(place: number): string | null {
    return unescaped(this.fields[place] ?? NULL);
  }

  /** Many rows have one instant in several columns. */
  #instantOf(text: string | null): string | null {
    if (text !== null && text === this.#instantText) return this.#instant;
    this.#instantText = text ?? '';
    this.#instant = instantOf(text);
    return this.#instant;
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
  const fields = line.split('\t');
  const expected = keySize + ROW_COLUMNS.length + declared.length;
  if (fields.length !== expected) {
    throw new CopyFormatError(`COPY sent ${fields.length} columns; expected ${expected}`);
  }
  const parts = fields.splice(0, keySize);
  // Few need it.
  const isEscaped = line.includes('\\');
  return new TableRow(isEscaped ? parts.map(keyPart) : parts, fields, declared);
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
    default:
      return text;
  }
}

/** `2026-11-01 12:00:00`, and `.123456` behind it. */
const [SECONDS_END, MICROS_END] = [19, 26];

/** From what Postgres prints under `datestyle` ISO and in UTC: `2026-11-01 12:00:00.5+00`. */
function instantOf(text: string | null): string | null {
  if (text === null || !text.endsWith('+00')) return null;
  // Years of four digits need no look at what Postgres itself wrote.
  if (text[4] === '-' && text[10] === ' ' && text.length <= MICROS_END + 3) {
    const micros = text.slice(SECONDS_END + 1, -3);
    return `${text.slice(0, 10)}T${text.slice(11, SECONDS_END)}.${micros.padEnd(6, '0')}Z`;
  }
  return normalizeInstant(`${text.slice(0, -3)}Z`);
}
