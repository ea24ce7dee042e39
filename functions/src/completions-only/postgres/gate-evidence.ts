import { z } from 'zod';
import { COVERAGE_REASON, type CoverageInterval } from '../../coverage/coverage';
import { CAUSE_NAMES, KIND_NAMES } from '../../divergences/vocabulary';
import { jsonColumn } from '../../postgres/statements';

/**
 * $1 as of when, $2 and $3 first and last date. Finished runs of all couples that compared any of
 * those dates, newest first. A run of some couples proves nothing about the others. A run that was
 * resumed knows of some couples only what stood when their shard was done: `read_since`.
 */
export const FINISHED_RUNS = `
select
  run.id::integer as id,
  to_char(run.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as started_at,
  to_char(run.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as finished_at,
  to_char(
    coalesce(
      (
        select min(shard.finished_at)
        from mirror.reconcile_shards as shard
        where shard.run_id = run.id
      ),
      run.finished_at
    ) at time zone 'UTC',
    'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
  ) as read_since,
  to_char(run.from_date, 'YYYY-MM-DD') as from_date,
  to_char(run.to_date, 'YYYY-MM-DD') as to_date,
  run.couples,
  run.matched,
  run.missing_in_postgres,
  run.missing_in_rtdb,
  run.value_mismatch,
  run.in_flight
from mirror.reconcile_runs as run
where run.status = 'finished'
  and run.finished_at <= $1::timestamptz
  and run.from_date <= $3::date
  and run.to_date >= $2::date
  and coalesce(run.config -> 'couples', 'null') in ('null', '[]')
order by run.finished_at desc, run.id desc
`;

/**
 * $1 as of when. The run of all couples that was begun last, whatever became of it: one that was
 * killed looks as if it were at work until another run finds it.
 */
export const NEWEST_ATTEMPT = `
select
  run.id::integer as id,
  to_char(run.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as started_at,
  case when run.finished_at <= $1::timestamptz then run.status else 'running' end as status,
  run.error
from mirror.reconcile_runs as run
where run.started_at <= $1::timestamptz
  and coalesce(run.config -> 'couples', 'null') in ('null', '[]')
order by run.started_at desc, run.id desc
limit 1
`;

/**
 * $1 runs, $2 as of when. What is open of what these runs found, by kind and cause: keys, each once,
 * however many kinds it is open under. A later run may have seen it again and put its own name to
 * it: so it counts by the time, too.
 */
export const STANDING_OF_RUNS = `
select kind, cause, count(*)::integer as keys
from (
  select distinct on (log.ref) log.ref, log.kind, log.cause
  from mirror.divergence_log as log
  where log.path = 'quest_completions'
    and log.run_id is not null
    and log.kind in ('missing_in_postgres', 'missing_in_rtdb', 'value_mismatch', 'client_only')
    and log.first_seen_at <= $2::timestamptz
    and (log.resolved_at is null or log.resolved_at > $2::timestamptz)
    and exists (
      select
      from mirror.reconcile_runs as run
      where run.id = any ($1::bigint[])
        and (
          log.run_id = run.id
          or (
            log.day between run.from_date and run.to_date
            and log.first_seen_at <= run.finished_at
            and log.last_seen_at >= run.started_at
          )
        )
    )
  order by log.ref, log.last_seen_at desc, log.id desc
) as standing
group by kind, cause
order by keys desc, kind, cause
`;

/** $1 from, $2 to. Intervals in which completions were not fully mirrored and that overlap the window. */
export const COVERAGE_GAPS = `
select
  to_char(gap.from_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as from_at,
  to_char(gap.to_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as to_at,
  gap.reason,
  gap.detail
from mirror.coverage as gap
where (gap.path is null or gap.path = 'quest_completions')
  and gap.from_at < $2::timestamptz
  and (gap.to_at is null or gap.to_at >= $1::timestamptz)
order by gap.from_at, gap.id
`;

const RUN = z.object({
  id: z.number(),
  started_at: z.string(),
  finished_at: z.string(),
  read_since: z.string(),
  from_date: z.string(),
  to_date: z.string(),
  couples: z.number(),
  matched: z.number(),
  missing_in_postgres: z.number(),
  missing_in_rtdb: z.number(),
  value_mismatch: z.number(),
  in_flight: z.number(),
});

/** A finished run of all couples. */
export interface FinishedRun {
  id: number;
  startedAt: string;
  finishedAt: string;
  /** When the first of its shards was done: what it says of it may be that old. */
  readSince: string;
  fromDate: string;
  toDate: string;
  couples: number;
  matched: number;
  missingInPostgres: number;
  missingInRtdb: number;
  valueMismatch: number;
  inFlight: number;
}

export function parseFinishedRuns(rows: unknown[]): FinishedRun[] {
  return rows.map((row) => {
    const run = RUN.parse(row);
    return {
      id: run.id,
      startedAt: run.started_at,
      finishedAt: run.finished_at,
      readSince: run.read_since,
      fromDate: run.from_date,
      toDate: run.to_date,
      couples: run.couples,
      matched: run.matched,
      missingInPostgres: run.missing_in_postgres,
      missingInRtdb: run.missing_in_rtdb,
      valueMismatch: run.value_mismatch,
      inFlight: run.in_flight,
    };
  });
}

const ATTEMPT = z.object({
  id: z.number(),
  started_at: z.string(),
  status: z.enum(['running', 'finished', 'failed']),
  error: z.string().nullable(),
});

/** A run of all couples; `running` also where its worker was killed. */
export interface RunAttempt {
  id: number;
  startedAt: string;
  status: 'running' | 'finished' | 'failed';
  error: string | null;
}

export function parseAttempt(rows: unknown[]): RunAttempt | null {
  if (rows.length === 0) return null;
  const { id, started_at, status, error } = ATTEMPT.parse(rows[0]);
  return { id, startedAt: started_at, status, error };
}

const STANDING = z.object({
  kind: z.enum(KIND_NAMES),
  cause: z.enum(CAUSE_NAMES),
  keys: z.number(),
});

/** Keys on which both sides differ, by what differs and why. */
export type Standing = z.infer<typeof STANDING>;

export function parseStanding(rows: unknown[]): Standing[] {
  return rows.map((row) => STANDING.parse(row));
}

const GAP = z.object({
  from_at: z.string(),
  to_at: z.string().nullable(),
  reason: COVERAGE_REASON,
  detail: jsonColumn,
});

/** An interval with its evidence. */
export interface CoverageGap extends CoverageInterval {
  detail: z.infer<typeof GAP>['detail'];
}

export function parseCoverageGaps(rows: unknown[]): CoverageGap[] {
  return rows.map((row) => {
    const { from_at, to_at, reason, detail } = GAP.parse(row);
    return { fromAt: from_at, toAt: to_at, reason, detail };
  });
}
