import {
  DIVERGENCE_EXPORT,
  type ExportedDivergence,
  parseExport,
} from '../postgres/divergence-pages';
import { csvHeading, csvLine } from './csv';
import type { ViewContext } from './read-view';
import { filterValues, type ViewQuery } from './view-query';

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

/** A map: the name is part of an address, which may say `constructor`. */
const FORMATS: ReadonlyMap<string, ExportFormat> = new Map([
  ['csv', { type: 'text/csv; charset=utf-8', opening: csvHeading(), row: csvLine, closing: '' }],
  [
    'json',
    {
      type: 'application/json; charset=utf-8',
      opening: '[',
      row: (row: ExportedDivergence, isFirst: boolean) =>
        `${isFirst ? '' : ','}\n${JSON.stringify(row)}`,
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
    const values = [...filterValues(query), after, ROWS_AT_ONCE, VALUE_MAX];
    const rows = parseExport(
      await transactions.read((statements) => statements.run(DIVERGENCE_EXPORT, values)),
    );
    if (rows.length > 0) yield rows;
    if (rows.length < ROWS_AT_ONCE) return;
    after = rows.at(-1)?.id ?? after;
  }
}
