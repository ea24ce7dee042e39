import type { MirroredPath } from '../paths/mirrored-path';
import type { Statements } from '../postgres/statements';
import { type ComparedKey, compareKey, type Row } from '../readings/compare-key';
import { eachShard } from '../readings/each-shard';
import { refOfParts } from '../readings/key-parts';
import { leafOfParts } from '../readings/look-at-shard';
import { ROWS_OF } from '../readings/shard-state';
import { instantOfMillis } from '../values/event-time';
import { shardsWithRows } from './repair';
import { COLUMNS_DUE, END_COLUMNS, REPAIR_ROWS, repairOf } from './repair-rows';

export interface ColumnsContext {
  statements: Statements;
  concurrency: number;
  /** False: only counts. */
  write: boolean;
  onProgress?(rows: number): void;
}

export interface ColumnsSummary {
  /** Live rows. */
  rows: number;
  /** Those whose columns don't follow from their payload. */
  differing: number;
  written: number;
  failed: { shard: string; error: string }[];
  /** Whether all of the path's columns follow from the payloads by now. */
  isDone: boolean;
}

const LOCK_WAIT = '2s';
const ROWS_AT_ONCE = 500;

/**
 * Computes the columns of a path's rows from the payloads that Postgres has, without RTDB: after its declaration has
 * changed, until which readings know nothing of its columns. Versions and payloads stay as they are.
 *
 * @returns rejects as Postgres does
 */
export async function recomputeColumns(
  path: MirroredPath,
  context: ColumnsContext,
): Promise<ColumnsSummary> {
  const { statements, write, concurrency } = context;
  const summary: ColumnsSummary = { rows: 0, differing: 0, written: 0, failed: [], isDone: false };
  const due = await COLUMNS_DUE.first(statements, { path: path.name });
  await eachShard(shardsWithRows(path.name, statements), {
    concurrency,
    async work(shard) {
      const differing = await differingRows(path, shard, summary, statements);
      summary.differing += differing.length;
      if (write) await writeColumns(path, shard, differing, summary, statements);
      context.onProgress?.(summary.rows);
    },
    onFailure(shard, error) {
      const reason = error instanceof Error ? error.message : String(error);
      summary.failed.push({ shard: refOfParts(path.ref, [shard]), error: reason });
    },
  });
  // Of a row that an event wrote meanwhile, the event has told the columns.
  if (write && summary.failed.length === 0) {
    const ended = { path: path.name, dueSince: due?.dueSince ?? null };
    summary.isDone = (await END_COLUMNS.one(statements, ended)).isDone;
  }
  return summary;
}

async function differingRows(
  path: MirroredPath,
  shard: string,
  summary: ColumnsSummary,
  statements: Statements,
): Promise<{ key: ComparedKey; row: Row }[]> {
  const all = { fromDay: null, toDay: null, days: null, keys: null };
  const rows = await ROWS_OF.all(statements, { path: path.name, shards: [shard], ...all });
  const readAt = instantOfMillis(Date.now()) ?? '';
  return rows.flatMap((row) => {
    if (row.isTombstone) return [];
    summary.rows += 1;
    const [leaf, ref] = [leafOfParts(path, row.parts), refOfParts(path.ref, row.parts)];
    const found = { leaf, ref, raw: row.payload };
    const key = compareKey({ leaf, ref }, found, row, { path, readAt, retentionDays: 0 });
    return key.state === 'column_mismatch' ? [{ key, row }] : [];
  });
}

async function writeColumns(
  path: MirroredPath,
  shard: string,
  differing: readonly { key: ComparedKey; row: Row }[],
  summary: ColumnsSummary,
  statements: Statements,
): Promise<void> {
  for (let start = 0; start < differing.length; start += ROWS_AT_ONCE) {
    const batch = differing.slice(start, start + ROWS_AT_ONCE);
    const { written } = await REPAIR_ROWS.one(statements, {
      ...{ path: path.name, shard, found: [], lockWait: LOCK_WAIT },
      repairs: batch.map(({ key, row }) => repairOf(key, row, path, row.mirroredAt)),
    });
    summary.written += written.length;
  }
}
