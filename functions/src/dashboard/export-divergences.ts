import {
  DIVERGENCE_EXPORT,
  type ExportedDivergence,
  parseExport,
} from '../postgres/divergence-pages';
import { csvHeading, csvLine } from './csv';
import type { ViewContext } from './read-view';
import { filterValues, type ViewQuery } from './view-query';

const ROWS_AT_ONCE = 2_000;
const VALUE_MAX = 4_000;

const FORMATS: Readonly<Record<string, ExportFormat>> = {
  csv: {
    type: 'text/csv; charset=utf-8',
    opening: csvHeading(),
    body: (rows) => rows.map(csvLine).join(''),
    closing: '',
  },
  json: {
    type: 'application/json; charset=utf-8',
    opening: '[',
    body: (rows, isFirst) =>
      rows
        .map((row, index) => `${isFirst && index === 0 ? '' : ','}\n${JSON.stringify(row)}`)
        .join(''),
    closing: '\n]\n',
  },
};

interface ExportFormat {
  type: string;
  opening: string;
  body(rows: readonly ExportedDivergence[], isFirst: boolean): string;
  closing: string;
}

/**
 * All divergences that the filter lets through, by id, streamed: each page in a short transaction of
 * its own. Where Postgres fails midway the transfer is cut off, so that no part passes for the whole.
 */
export async function exportDivergences(
  name: string,
  query: ViewQuery,
  context: ViewContext,
): Promise<Response> {
  const format = FORMATS[name];
  if (format === undefined) return new Response('csv or json\n', { status: 404 });
  const pages = readPages(query, context);
  try {
    // The first page before the status: most failures are told properly.
    const first = await pages.next();
    const stream = ReadableStream.from(textOf(format, first.value ?? [], pages));
    return new Response(stream.pipeThrough(new TextEncoderStream()), {
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

async function* textOf(
  format: ExportFormat,
  first: readonly ExportedDivergence[],
  rest: AsyncIterable<readonly ExportedDivergence[]>,
): AsyncGenerator<string> {
  yield format.opening + format.body(first, true);
  for await (const rows of rest) yield format.body(rows, false);
  yield format.closing;
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
