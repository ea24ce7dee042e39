import { z } from 'zod';

/** The time of the database: one clock for all workers, and none of theirs need be right. */
export const DATABASE_CLOCK = `
select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now
`;

/** $1 and $2 first and last day, $3 what was asked (JSON), $4 who works on it (text or null). */
export const START_RUN = `
insert into mirror.reconcile_runs (from_date, to_date, config, checkpoint)
values (
  $1::date, $2::date, $3::jsonb,
  jsonb_build_object('shards', 0, 'done', 0, 'worker', $4::text, 'beat', clock_timestamp())
)
returning id::integer as id
`;

/**
 * $1 run. Adds up what its shards counted; with the last of them the run is finished. Each worker
 * does so after its shard was committed, so whoever comes last sees all. Answers the status that it set:
 * one worker alone is told `finished`.
 */
export const TALLY_RUN = `
with total as (
  select
    count(*) as shards,
    count(finished_at) as done,
    coalesce(sum(couples), 0) as couples,
    coalesce(sum(matched), 0) as matched,
    coalesce(sum(missing_in_postgres), 0) as missing_in_postgres,
    coalesce(sum(missing_in_rtdb), 0) as missing_in_rtdb,
    coalesce(sum(value_mismatch), 0) as value_mismatch,
    coalesce(sum(in_flight), 0) as in_flight,
    coalesce(sum(rtdb_ms), 0) as rtdb_ms,
    coalesce(sum(postgres_ms), 0) as postgres_ms,
    coalesce(sum(rtdb_bytes), 0) as rtdb_bytes
  from mirror.reconcile_shards
  where run_id = $1::bigint
)
update mirror.reconcile_runs as run
set
  status = case when total.done = total.shards then 'finished' else 'running' end,
  finished_at = case when total.done = total.shards then clock_timestamp() end,
  couples = total.couples,
  matched = total.matched,
  missing_in_postgres = total.missing_in_postgres,
  missing_in_rtdb = total.missing_in_rtdb,
  value_mismatch = total.value_mismatch,
  in_flight = total.in_flight,
  consistency = total.matched::numeric / nullif(
    total.matched + total.missing_in_postgres + total.missing_in_rtdb + total.value_mismatch, 0
  ),
  rtdb_ms = least(total.rtdb_ms, 2147483647),
  postgres_ms = least(total.postgres_ms, 2147483647),
  checkpoint = coalesce(run.checkpoint, '{}') || jsonb_build_object(
    'shards', total.shards, 'done', total.done, 'rtdb_bytes', total.rtdb_bytes,
    'beat', clock_timestamp()
  )
from total
where run.id = $1::bigint and run.status = 'running'
returning run.status
`;

/** $1 run: all that follows its last shard is done. */
export const MARK_CLOSED = `
update mirror.reconcile_runs
set checkpoint = coalesce(checkpoint, '{}') || jsonb_build_object('closed', true)
where id = $1::bigint
`;

/** $1 run: a sign of life. */
export const BEAT_RUN = `
update mirror.reconcile_runs
set checkpoint = coalesce(checkpoint, '{}') || jsonb_build_object('beat', clock_timestamp())
where id = $1::bigint and status = 'running'
`;

/** $1 run, $2 why. What it counted so far stays, and the run can be resumed. */
export const FAIL_RUN = `
update mirror.reconcile_runs
set status = 'failed', finished_at = clock_timestamp(), error = $2
where id = $1::bigint and status = 'running'
`;

/** Runs whose workers gave no sign of life for $1 seconds. */
export const FAIL_ABANDONED_RUNS = `
update mirror.reconcile_runs
set
  status = 'failed',
  finished_at = clock_timestamp(),
  error = 'abandoned: no sign of life since ' || coalesce(checkpoint ->> 'beat', started_at::text)
where status = 'running'
  and coalesce((checkpoint ->> 'beat')::timestamptz, started_at)
    < clock_timestamp() - make_interval(secs => $1::double precision)
`;

/** $1 run, $2 who works on it now. */
export const RESUME_RUN = `
update mirror.reconcile_runs
set
  status = 'running',
  finished_at = null,
  error = null,
  checkpoint = coalesce(checkpoint, '{}')
    || jsonb_build_object('worker', $2::text, 'beat', clock_timestamp())
where id = $1::bigint and status <> 'finished'
`;

/** $1 run; null = the newest that is not finished. */
export const READ_RUN = `
select
  run.id::integer as id,
  to_char(run.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as started_at,
  run.status,
  to_char(run.from_date, 'YYYY-MM-DD') as from_date,
  to_char(run.to_date, 'YYYY-MM-DD') as to_date,
  run.couples,
  run.matched,
  run.missing_in_postgres,
  run.missing_in_rtdb,
  run.value_mismatch,
  run.in_flight,
  run.consistency::double precision as consistency,
  run.rtdb_ms,
  run.postgres_ms,
  (run.checkpoint ->> 'rtdb_bytes')::double precision as rtdb_bytes,
  run.checkpoint ->> 'worker' as worker,
  coalesce((run.checkpoint ->> 'closed')::boolean, false) as is_closed,
  extract(epoch from clock_timestamp() - (run.checkpoint ->> 'beat')::timestamptz)::double precision
    as seconds_since_beat,
  run.error,
  run.config
from mirror.reconcile_runs as run
where run.id = $1::bigint or ($1::bigint is null and run.status <> 'finished')
order by run.id desc
limit 1
`;

const RUN = z.object({
  id: z.number(),
  started_at: z.string(),
  status: z.enum(['running', 'finished', 'failed']),
  from_date: z.string(),
  to_date: z.string(),
  couples: z.number(),
  matched: z.number(),
  missing_in_postgres: z.number(),
  missing_in_rtdb: z.number(),
  value_mismatch: z.number(),
  in_flight: z.number(),
  consistency: z.number().nullable(),
  rtdb_ms: z.number(),
  postgres_ms: z.number(),
  rtdb_bytes: z.number().nullable(),
  worker: z.string().nullable(),
  is_closed: z.boolean(),
  seconds_since_beat: z.number().nullable(),
  error: z.string().nullable(),
  config: z.looseObject({
    couples: z.array(z.string()).nullish(),
    grace_ms: z.number().optional(),
  }),
});

export type RunRow = z.infer<typeof RUN>;

export function parseRun(rows: unknown[]): RunRow | null {
  return rows.length === 0 ? null : RUN.parse(rows[0]);
}

/** Whether TALLY_RUN finished the run. */
export function parseTally(rows: unknown[]): boolean {
  const statuses = z.array(z.object({ status: RUN.shape.status })).parse(rows);
  return statuses.some(({ status }) => status === 'finished');
}

export function parseRunId(rows: unknown[]): number {
  return z.object({ id: z.number() }).parse(rows[0]).id;
}

export function parseClock(rows: unknown[]): string {
  return z.object({ now: z.string() }).parse(rows[0]).now;
}
