import { z } from 'zod';
import type { MirroredPath } from '../paths/mirrored-path';
import { query } from '../postgres/statements';
import type { ComparedKey, Row } from '../readings/compare-key';
import { keyObject } from '../readings/key-parts';
import { taken, takenLeaf } from '../readings/taken-leaf';
import type { Json } from '../values/json';

/** Sets rows to RTDB's state, guarded: migrations/20261128000014_backfill_repair.sql. */
export const REPAIR_ROWS = query({
  text: 'select mirror.repair_rows($1, $2, $3, $4, $5) as written',
  params: { path: 'text', shard: 'text', repairs: 'jsonb', found: 'jsonb', lockWait: 'text' },
  row: { written: z.array(z.number()) },
});

/** A page of the shards of which a path has rows. */
export const SHARDS_AFTER = query({
  text: 'select shard from mirror.shards_after($1, $2, $3) as shard',
  params: { path: 'text', after: 'text?', most: 'integer' },
  row: { shard: z.string() },
});

/** Those of some shards of which any of these paths has a row. */
export const SHARDS_WITH_ROWS = query({
  text: 'select distinct shard from mirror.shards_with_rows($1, $2) as shard',
  params: { paths: 'text[]', shards: 'text[]' },
  row: { shard: z.string() },
});

/** Since when a path's columns may follow from an earlier declaration. */
export const COLUMNS_DUE = query({
  text: 'select columns_due_at::text as due_since from mirror.paths where path = $1',
  params: { path: 'text' },
  row: { dueSince: z.string().nullable() },
});

/** Tells that a path's columns were computed; false: they are due anew. */
export const END_COLUMNS = query({
  text: 'select mirror.end_columns($1, $2) as is_done',
  params: { path: 'text', dueSince: 'timestamptz?' },
  row: { isDone: z.boolean() },
});

/** What a row is to show, and what it showed when it was compared, as REPAIR_ROWS takes it. Pure. */
export function repairOf(
  key: ComparedKey,
  seen: Row | null,
  path: MirroredPath,
  readAt: string,
): { [field: string]: Json } {
  const onlyColumns = key.state === 'column_mismatch';
  const { ref, row } = onlyColumns
    ? taken(key.ref, { ...keyObject(path, key.parts), ...key.columns })
    : key.rtdb === null
      ? taken(key.ref, { ...keyObject(path, key.parts), payload: null })
      : takenLeaf(key, path, readAt);
  return {
    ...{ ref, row, only_columns: onlyColumns, has_row: seen !== null },
    seen_event_time: seen?.eventTime ?? null,
    seen_event_id: seen?.eventId ?? null,
    seen_mirrored_at: seen?.mirroredAt ?? null,
  };
}
