import { printable } from '../values/printable';
import { DIVERGENCE_EXPORT, type ExportedDivergence } from './divergence-pages';
import type { ViewContext } from './read-view';
import { filterOf, type ViewQuery } from './view-query';

/** With evidence at its longest, some 3 MB. */
const ROWS_AT_ONCE = 200;
const VALUE_MAX = 4_000;
const CHUNK_BYTES = 64 * 1024;

interface ExportFormat {
  type: string;
  opening: string;
  row(row: ExportedDivergence, isFirst: boolean): string;
  closing: string;
}

/** The log's own names, in its order, and this code's. */
const COLUMNS = [
  ['id', 'id'],
  ['path', 'path'],
  ['ref', 'ref'],
  ['shard', 'shard'],
  ['day', 'day'],
  ['key', 'key'],
  ['kind', 'kind'],
  ['cause', 'cause'],
  ['severity', 'severity'],
  ['detected_by', 'detectedBy'],
  ['keys', 'keys'],
  ['times_seen', 'timesSeen'],
  ['first_seen_at', 'firstSeenAt'],
  ['last_seen_at', 'lastSeenAt'],
  ['resolved_at', 'resolvedAt'],
  ['resolved_by', 'resolvedBy'],
  ['written_after', 'writtenAfter'],
  ['written_before', 'writtenBefore'],
  ['event_id', 'eventId'],
  ['event_time', 'eventTime'],
  ['rtdb_value', 'rtdbValue'],
  ['postgres_value', 'postgresValue'],
  ['detail', 'detail'],
] as const satisfies readonly (readonly [string, keyof ExportedDivergence])[];

/** RFC 4180. */
const CSV_HEADING = `${COLUMNS.map(([column]) => column).join(',')}\r\n`;

/** A map: the name is part of an address, which may say `constructor`. */
const FORMATS: ReadonlyMap<string, ExportFormat> = new Map([
  ['csv', { type: 'text/csv; charset=utf-8', opening: CSV_HEADING, row: csvLine, closing: '' }],
  [
    'json',
    {
      type: 'application/json; charset=utf-8',
      opening: '[',
      row: (row: ExportedDivergence, isFirst: boolean) =>
        `${isFirst ? '' : ','}\n${JSON.stringify(loggedOf(row))}`,
      closing: '\n]\n',
    },
  ],
]);

/**
 * All divergences that the filter lets through, by id, streamed: each page in a short transaction of
 * its own. Where Postgres fails midway the transfer is cut off, so that no part passes for the whole.
 */
export async function exportDivergences(
  name: string,
  query: ViewQuery,
  context: ViewContext,
): Promise<Response> {
  const format = FORMATS.get(name);
  if (format === undefined) return new Response('csv or json\n', { status: 404 });
  const pages = readPages(query, context);
  try {
    // The first page before the status: most failures are told properly.
    const first = await pages.next();
    return new Response(ReadableStream.from(bytesOf(format, first.value ?? [], pages)), {
      headers: {
        'content-type': format.type,
        'content-disposition': `attachment; filename="divergences.${name}"`,
        'cache-control': 'no-store',
      },
    });
  } catch (error) {
    context.onFailure(error);
    return new Response('Postgres does not answer.\n', { status: 503 });
  }
}

/** Chunks of some 64 KB, each made when it is asked for: a slow reader holds no more of them. */
async function* bytesOf(
  format: ExportFormat,
  first: readonly ExportedDivergence[],
  rest: AsyncIterable<readonly ExportedDivergence[]>,
): AsyncGenerator<Uint8Array> {
  let pieces = [Buffer.from(format.opening)];
  let bytes = 0;
  let isFirst = true;
  for await (const rows of startingWith(first, rest)) {
    for (const row of rows) {
      // Bytes at once: text that is joined stays in memory as the tree of its parts.
      const piece = Buffer.from(format.row(row, isFirst));
      isFirst = false;
      pieces.push(piece);
      bytes += piece.length;
      if (bytes < CHUNK_BYTES) continue;
      yield Buffer.concat(pieces);
      pieces = [];
      bytes = 0;
    }
  }
  yield Buffer.concat([...pieces, Buffer.from(format.closing)]);
}

async function* startingWith<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

async function* readPages(
  query: ViewQuery,
  { transactions }: ViewContext,
): AsyncGenerator<ExportedDivergence[], undefined> {
  let after = 0;
  for (;;) {
    const asked = { ...filterOf(query), after, most: ROWS_AT_ONCE, valueMax: VALUE_MAX };
    const rows = await transactions.read((statements) => DIVERGENCE_EXPORT.all(statements, asked));
    if (rows.length > 0) yield rows;
    if (rows.length < ROWS_AT_ONCE) return;
    after = rows.at(-1)?.id ?? after;
  }
}

function loggedOf(row: ExportedDivergence): Record<string, unknown> {
  return Object.fromEntries(COLUMNS.map(([column, name]) => [column, row[name]]));
}

function csvLine(row: ExportedDivergence): string {
  return `${COLUMNS.map(([, name]) => csvCell(cellOf(row[name]))).join(',')}\r\n`;
}

function cellOf(value: ExportedDivergence[keyof ExportedDivergence]): string | number | null {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
}

/**
 * One cell. What a spreadsheet would take for a formula begins with an apostrophe, its full-width
 * forms too; controls and bidi formats are written out.
 *
 * Source: OWASP, "CSV Injection".
 */
export function csvCell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = printable(value);
  const guarded = /^\s*[=+\-@＝＋－＠]/.test(text) ? `'${text}` : text;
  return `"${guarded.replaceAll('"', '""')}"`;
}
