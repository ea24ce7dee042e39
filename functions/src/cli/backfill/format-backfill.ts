import type { BackfillSummary } from '../../backfill/backfill';
import type { BackfillCounts, BackfillRequest } from '../../backfill/books';
import { printable } from '../printable';

/** What a backfill did, or would do, for a terminal. */
export function formatBackfill(
  summary: BackfillSummary,
  request: BackfillRequest,
  { isGaps }: { isGaps: boolean },
): string {
  const lines = Object.entries(summary.paths).map(([path, counts]) =>
    summary.id === null ? wouldLine(path, counts, request) : didLine(path, counts, request),
  );
  const title =
    summary.id === null ? 'Nothing was written (--dry-run).' : `Backfill ${summary.id}.`;
  return [title, ...lines, ...remarks(summary, request, isGaps), ''].join('\n');
}

function didLine(path: string, counts: BackfillCounts, request: BackfillRequest): string {
  const { inserted, keys, shards } = counts;
  const rest = keys === inserted ? '' : '; the others have a row';
  return `${path}${daysOf(path, request)}: inserted ${inserted} of ${keys} keys in ${shards} shards${rest}.`;
}

function wouldLine(path: string, counts: BackfillCounts, request: BackfillRequest): string {
  const { inserted, keys, shards } = counts;
  return `${path}${daysOf(path, request)}: of ${keys} keys in ${shards} shards, ${inserted} have no row and would be inserted.`;
}

function remarks(
  { id, total, failed }: BackfillSummary,
  request: BackfillRequest,
  isGaps: boolean,
): string[] {
  const lines: string[] = [];
  if (isGaps && id !== null && total.inserted > 0) {
    lines.push(
      total.unexplained === 0
        ? 'A gap in mirroring explains all of them.'
        : `No gap explains ${total.unexplained} of them: the mirror lost them while it was on. The divergence log names them.`,
    );
  }
  if (total.rejected > 0) {
    lines.push(`${total.rejected} leaves are refused; the divergence log names them.`);
  }
  if (total.differing > 0) {
    const days = rangesOf(request);
    const range = days === null ? '' : ` --from ${days.from} --to ${days.to}`;
    lines.push(
      `${total.differing} rows show something else than RTDB, and are left alone. ` +
        `Look at them with: mirror repair${range}`,
    );
  }
  for (const { node, shard, error } of failed.slice(0, MAX_NAMED)) {
    lines.push(printable(`Not filled: ${node}/${shard}: ${error}`));
  }
  if (failed.length > 0) {
    lines.push(`${failed.length} shards could not be filled. Again: mirror backfill --resume`);
  }
  return lines;
}

const MAX_NAMED = 20;

function daysOf(path: string, { paths }: BackfillRequest): string {
  const ranges = paths.find((one) => one.path === path)?.ranges ?? null;
  return ranges === null ? '' : `, ${ranges.map(({ from, to }) => `${from} to ${to}`).join(', ')}`;
}

function rangesOf({ paths }: BackfillRequest): { from: string; to: string } | null {
  const all = paths.flatMap(({ ranges }) => ranges ?? []);
  const from = all.map((one) => one.from).sort()[0];
  const to = all
    .map((one) => one.to)
    .sort()
    .at(-1);
  return from === undefined || to === undefined ? null : { from, to };
}
