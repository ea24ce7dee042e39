import { z } from 'zod';
import { query } from '../postgres/statements';

/** What a backfill did of one path. */
export const COUNTS = z.object({
  shards: z.number(),
  /** Keys that RTDB holds, without those that the mirror refuses. */
  keys: z.number(),
  inserted: z.number(),
  /** Leaves that the mirror refuses, or Postgres. */
  rejected: z.number(),
  /** Rows that show something else than RTDB; a backfill leaves them alone. */
  differing: z.number(),
  /** Of the inserted ones, those that no gap in mirroring explains. */
  unexplained: z.number(),
});
export type BackfillCounts = z.infer<typeof COUNTS>;

export const FAILED_SHARD = z.object({ node: z.string(), shard: z.string(), error: z.string() });
export type FailedShard = z.infer<typeof FAILED_SHARD>;

/** What a backfill is asked. */
export const BACKFILL_REQUEST = z.object({
  paths: z
    .array(
      z.object({
        path: z.string(),
        /** Ranges of days that do not touch; null = all there is. */
        ranges: z.array(z.object({ from: z.string(), to: z.string() })).nullable(),
      }),
    )
    .min(1),
  /** Only these shards; null = all. */
  shards: z.array(z.string()).nullable(),
});
export type BackfillRequest = z.infer<typeof BACKFILL_REQUEST>;

export const START_BACKFILL = query({
  text: 'insert into mirror.backfills (config) values ($1) returning id::integer as id',
  params: { config: 'jsonb' },
  row: { id: z.number() },
});

export const ADVANCE_BACKFILL = query({
  text: `
update mirror.backfills set checkpoint = $2, done = $3, failed = $4 where id = $1
`,
  params: { id: 'bigint', checkpoint: 'jsonb', done: 'jsonb', failed: 'jsonb' },
  row: {},
});

export const END_BACKFILL = query({
  text: `
update mirror.backfills
set
  status = case when $2::text is null then 'finished' else 'failed' end,
  finished_at = clock_timestamp(),
  -- It names a shard, and is for the run that resumes.
  checkpoint = case when $2 is null then '{}' else checkpoint end,
  error = $2
where id = $1
`,
  params: { id: 'bigint', reason: 'text?' },
  row: {},
});

/** The newest one that was not finished is at work again; of a backup, whose file is gone, there is no rest. */
export const RESUME_BACKFILL = query({
  text: `
update mirror.backfills
set status = 'running', finished_at = null, error = null
where id = (
  select max(b.id)
  from mirror.backfills as b
  where b.status <> 'finished' and not b.config ? 'backup'
)
returning id::integer as id, config, checkpoint, done, failed
`,
  params: {},
  row: {
    id: z.number(),
    config: BACKFILL_REQUEST,
    checkpoint: z.record(z.string(), z.string()),
    done: z.record(z.string(), COUNTS),
    failed: z.array(FAILED_SHARD),
  },
});

/** Inserts where no row is: migrations/20261128000014_backfill_repair.sql. */
export const FILL_ROWS = query({
  text: 'select mirror.fill_rows($1, $2, $3, $4) as inserted',
  params: { path: 'text', shard: 'text', leaves: 'jsonb', found: 'jsonb' },
  row: { inserted: z.array(z.number()) },
});
