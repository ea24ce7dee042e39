import { printable } from '../../values/printable';
import type { ExportedDivergence } from '../postgres/divergence-pages';

const COLUMNS = [
  ...['id', 'path', 'ref', 'shard', 'day', 'key', 'kind', 'cause', 'severity'],
  ...['detected_by', 'times_seen', 'first_seen_at', 'last_seen_at', 'resolved_at'],
  ...['event_id', 'event_time', 'run_id', 'rtdb_value', 'postgres_value', 'detail'],
] as const satisfies readonly (keyof ExportedDivergence)[];

/** RFC 4180, the log's own names. */
export function csvHeading(): string {
  return `${COLUMNS.join(',')}\r\n`;
}

export function csvLine(row: ExportedDivergence): string {
  return `${COLUMNS.map((name) => csvCell(cellOf(row[name]))).join(',')}\r\n`;
}

function cellOf(value: ExportedDivergence[(typeof COLUMNS)[number]]): string | number | null {
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
