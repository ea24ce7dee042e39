import { z } from 'zod';
import { type Kind, severityOf } from '../../divergences/vocabulary';
import type { CompletionLeaf } from '../../paths/quest-completions/completion-path';
import { jsonColumn } from '../../postgres/statements';
import type { Json, JsonObject } from '../../values/json';

/** $1 what was asked (JSON). */
export const START_BACKFILL = `
insert into mirror.backfills (config)
values ($1::jsonb)
returning id::integer as id
`;

/** $1 backfill, $2 the couple up to which all is done, $3 to $6 what was done since the last time. */
export const ADVANCE_BACKFILL = `
update mirror.backfills
set
  checkpoint = $2,
  couples = couples + $3,
  leaves = leaves + $4,
  inserted = inserted + $5,
  rejected = rejected + $6
where id = $1::bigint
`;

/** $1 backfill, $2 why it failed (null = it did not). */
export const END_BACKFILL = `
update mirror.backfills
set
  status = case when $2::text is null then 'finished' else 'failed' end,
  finished_at = clock_timestamp(),
  error = $2
where id = $1::bigint
`;

/** The newest one that was not finished. */
export const UNFINISHED_BACKFILL = `
select id::integer as id, config, checkpoint
from mirror.backfills
where status <> 'finished'
order by id desc
limit 1
`;

/** $1 backfill: it is at work again. */
export const RESUME_BACKFILL = `
update mirror.backfills
set status = 'running', finished_at = null, error = null
where id = $1::bigint
returning couples, leaves::integer as leaves, inserted::integer as inserted,
  rejected::integer as rejected
`;

/** Inserts where no row is: migrations/20261128000002_quest_completions.sql. $1 rows as JSON. */
export const INSERT_MISSING = 'select mirror.insert_missing($1::jsonb)::integer as inserted';

/** A completion as RTDB holds it, for a row that no event wrote. */
export interface ReadCompletion {
  leaf: CompletionLeaf;
  completedAt: string;
  payload: Json;
}

/** A leaf that the mirror refuses; all text is storable. */
export interface RefusedLeaf {
  ref: string;
  coupleId: string;
  dateKey: string;
  questId: string;
  userId: string;
  kind: Extract<Kind, 'invalid_payload' | 'write_rejected'>;
  rtdbValue: Json;
  detail: JsonObject;
}

/** What a backfill did. */
export interface BackfillCounts {
  couples: number;
  leaves: number;
  inserted: number;
  rejected: number;
}

/** The parameter of INSERT_MISSING; the rows are in key order. */
export function missingParameter(completions: readonly ReadCompletion[]): string {
  return JSON.stringify(
    completions.map(({ leaf, completedAt, payload }) => ({
      couple_id: leaf.coupleId,
      date_key: leaf.dateKey,
      quest_id: leaf.questId,
      user_id: leaf.userId,
      partner_id: leaf.partnerId,
      completed_at: completedAt,
      payload,
    })),
  );
}

/** What `RECORD_DIVERGENCES` takes. */
export function rowsOfRefused(refused: readonly RefusedLeaf[]): JsonObject[] {
  return refused.map((one) => ({
    path: 'quest_completions',
    ref: one.ref,
    shard: one.coupleId,
    day: one.dateKey,
    key: {
      couple_id: one.coupleId,
      date_key: one.dateKey,
      quest_id: one.questId,
      user_id: one.userId,
    },
    kind: one.kind,
    cause: 'rejected',
    severity: severityOf(one.kind, 'rejected'),
    rtdb_value: one.rtdbValue,
    detail: one.detail,
  }));
}

export function parseInserted(rows: unknown[]): number {
  return z.object({ inserted: z.number() }).parse(rows[0]).inserted;
}

export function parseBackfillId(rows: unknown[]): number {
  return z.object({ id: z.number() }).parse(rows[0]).id;
}

const UNFINISHED = z.object({
  id: z.number(),
  config: jsonColumn,
  checkpoint: z.string().nullable(),
});

export function parseUnfinished(rows: unknown[]): z.infer<typeof UNFINISHED> | null {
  return rows.length === 0 ? null : UNFINISHED.parse(rows[0]);
}

const COUNTS = z.object({
  couples: z.number(),
  leaves: z.number(),
  inserted: z.number(),
  rejected: z.number(),
});

export function parseBackfillCounts(rows: unknown[]): BackfillCounts {
  return COUNTS.parse(rows[0]);
}
