import { z } from 'zod';

/** $1 since when, $2 how many. Runs that began since, whatever became of them, newest first. */
export const RUN_HISTORY = `
select
  run.id::double precision as id,
  run.status,
  to_char(run.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as started_at,
  to_char(run.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as finished_at,
  to_char(run.from_date, 'YYYY-MM-DD') as from_date,
  to_char(run.to_date, 'YYYY-MM-DD') as to_date,
  coalesce(run.config -> 'couples', 'null') in ('null', '[]') as is_of_all,
  run.couples,
  run.matched,
  run.missing_in_postgres,
  run.missing_in_rtdb,
  run.value_mismatch,
  run.in_flight,
  run.rtdb_ms,
  run.postgres_ms,
  (run.checkpoint ->> 'shards')::integer as shards,
  (run.checkpoint ->> 'done')::integer as shards_done,
  run.error
from mirror.reconcile_runs as run
where run.started_at >= $1::timestamptz
order by run.started_at desc, run.id desc
limit $2::integer
`;

const RUN = z.object({
  id: z.number(),
  status: z.enum(['running', 'finished', 'failed']),
  started_at: z.string(),
  finished_at: z.string().nullable(),
  from_date: z.string(),
  to_date: z.string(),
  is_of_all: z.boolean(),
  couples: z.number(),
  matched: z.number(),
  missing_in_postgres: z.number(),
  missing_in_rtdb: z.number(),
  value_mismatch: z.number(),
  in_flight: z.number(),
  rtdb_ms: z.number(),
  postgres_ms: z.number(),
  shards: z.number().nullable(),
  shards_done: z.number().nullable(),
  error: z.string().nullable(),
});

export type RunOfHistory = ReturnType<typeof runOf>;

export function parseRunHistory(rows: unknown[]): RunOfHistory[] {
  return rows.map((row) => runOf(RUN.parse(row)));
}

function runOf(run: z.infer<typeof RUN>) {
  const { matched, missing_in_postgres, missing_in_rtdb, value_mismatch } = run;
  return {
    id: run.id,
    status: run.status,
    startedAt: run.started_at,
    finishedAt: run.finished_at,
    fromDate: run.from_date,
    toDate: run.to_date,
    /** A run of some couples proves nothing about the others. */
    isOfAll: run.is_of_all,
    couples: run.couples,
    rate: { matched, compared: matched + missing_in_postgres + missing_in_rtdb + value_mismatch },
    missingInPostgres: missing_in_postgres,
    missingInRtdb: missing_in_rtdb,
    valueMismatch: value_mismatch,
    inFlight: run.in_flight,
    rtdbMs: run.rtdb_ms,
    postgresMs: run.postgres_ms,
    shards: run.shards,
    shardsDone: run.shards_done,
    error: run.error,
  };
}
