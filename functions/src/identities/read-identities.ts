import type { Readable } from 'node:stream';
import { CsvError, type Info, parse } from 'csv-parse';
import { UsageError } from '../errors/mirror-error';
import { type ParsedIdentity, parseIdentity } from './identity-record';

/** A line of the file, counted from 1, and what it says. */
export type IdentityLine = { line: number } & ParsedIdentity;

const FIELDS = ['rtdb_user_id', 'app_user_id'];
/** Two ids of the longest kind, quoted, fit many times; a quote that never ends does not. */
const MAX_RECORD_BYTES = 64 * 1024;

/**
 * Reads a CSV file (RFC 4180) as it comes. Its first line names the columns; further columns are left alone.
 * A quote that is wrong ends the reading with a bad line: what follows can't be told.
 *
 * @param open called when the first line is asked for
 * @throws UsageError where the first line doesn't name both columns; the stream's own error
 */
export async function* readIdentities(open: () => Readable): AsyncGenerator<IdentityLine> {
  const source = open();
  const parser = parse({
    bom: true,
    info: true,
    trim: true,
    skip_empty_lines: true,
    relax_column_count: true,
    max_record_size: MAX_RECORD_BYTES,
  });
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  let columns: string[] | null = null;
  try {
    for await (const { record, info } of parser as AsyncIterable<CsvLine>) {
      if (columns === null) columns = headerOf(record);
      else yield { line: info.lines, ...parseRecord(record, columns) };
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return yield { line: lineOf(error), ok: false, problem: `expected CSV: ${error.code}` };
  } finally {
    source.destroy();
  }
  if (columns === null) headerOf([]);
}

interface CsvLine {
  record: string[];
  info: Info;
}

function headerOf(record: readonly string[]): string[] {
  const columns = record.map((name) => name.toLowerCase());
  if (FIELDS.every((name) => columns.filter((one) => one === name).length === 1)) return columns;
  throw new UsageError(
    `line 1: expected the columns' names, ${FIELDS.join(',')}, separated by commas`,
  );
}

function parseRecord(record: readonly string[], columns: readonly string[]): ParsedIdentity {
  if (record.length !== columns.length) {
    const problem = `expected ${columns.length} fields, as in line 1, not ${record.length}`;
    return { ok: false, problem };
  }
  return parseIdentity(
    Object.fromEntries(FIELDS.map((name) => [name, record[columns.indexOf(name)] ?? ''])),
  );
}

function lineOf({ lines }: CsvError & { lines?: unknown }): number {
  return typeof lines === 'number' ? lines : 0;
}
