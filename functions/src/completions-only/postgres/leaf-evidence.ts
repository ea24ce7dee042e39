import { z } from 'zod';
import { CAUSE_NAMES, KIND_NAMES } from '../../divergences/vocabulary';
import { jsonColumn } from '../../postgres/statements';

/** $1 to $4: a completion's key. Its row, with its version. */
export const ROW_OF_LEAF = `
select
  q.partner_id,
  q.payload,
  q.origin,
  q.event_id,
  case
    when q.event_time > '-infinity'
    then to_char(q.event_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  end as event_time,
  to_char(q.completed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as completed_at,
  to_char(q.deleted_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as deleted_at,
  to_char(q.client_claimed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    as client_claimed_at,
  to_char(q.mirrored_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as mirrored_at,
  case
    when q.event_time > '-infinity'
    then (extract(epoch from q.mirrored_at - q.event_time) * 1000)::double precision
  end as lag_ms
from rtdb.quest_completions as q
where (q.couple_id, q.date_key, q.quest_id, q.user_id) = ($1, $2::date, $3, $4)
`;

/**
 * $1 refs: the leaf's, its day's and its couple's, since some divergences are told once for many;
 * $2 the path.
 */
export const DIVERGENCES_OF_LEAF = `
select
  log.id::double precision as id,
  log.ref,
  log.kind,
  log.cause,
  log.severity,
  log.detected_by,
  log.rtdb_value,
  log.postgres_value,
  log.detail,
  log.event_id,
  log.run_id::double precision as run_id,
  log.times_seen,
  to_char(log.event_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as event_time,
  to_char(log.first_seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as first_seen_at,
  to_char(log.last_seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as last_seen_at,
  to_char(log.resolved_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as resolved_at
from mirror.divergence_log as log
where log.ref = any ($1::text[]) and log.path = $2
order by log.first_seen_at, log.id
`;

/** $1 to $4: a completion's key. Its last write that went past the mirror. */
export const DIRECT_WRITE_OF_LEAF = `
select
  w.operation,
  w.written_by,
  to_char(w.written_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as written_at,
  w.old_payload,
  w.new_payload
from (
  select jsonb_build_object(
    'couple_id', $1::text, 'date_key', $2::date, 'quest_id', $3::text, 'user_id', $4::text
  ) as key
) as leaf
join mirror.direct_writes as w
  on w.path = 'quest_completions' and md5(w.key::text) = md5(leaf.key::text) and w.key = leaf.key
`;

/**
 * $1 the completion's day, $2 instants of its writes. Coverage gaps that overlap that day anywhere on
 * earth (UTC+14 begins it, UTC-12 ends it), or in which one of those instants lies.
 */
export const GAPS_OF_LEAF = `
select
  to_char(gap.from_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as from_at,
  to_char(gap.to_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as to_at,
  gap.reason,
  gap.detail
from mirror.coverage as gap
where (gap.path is null or gap.path = 'quest_completions')
  and (
    (
      gap.from_at < ($1::date + 1)::timestamp at time zone 'UTC' + interval '12 hours'
      and (
        gap.to_at is null
        or gap.to_at > $1::date::timestamp at time zone 'UTC' - interval '14 hours'
      )
    )
    or exists (
      select
      from unnest($2::timestamptz[]) as written (at)
      where written.at >= gap.from_at and (gap.to_at is null or written.at <= gap.to_at)
    )
  )
order by gap.from_at, gap.id
`;

/** $1 couple, $2 day. The newest runs that compared this leaf's day and couple, newest first. */
export const RUNS_OF_LEAF = `
select
  run.id::double precision as id,
  run.status,
  to_char(run.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as started_at,
  to_char(run.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as finished_at,
  run.error
from mirror.reconcile_runs as run
where $2::date between run.from_date and run.to_date
  and (
    coalesce(run.config -> 'couples', 'null') in ('null', '[]')
    or run.config -> 'couples' ? $1::text
  )
order by run.started_at desc, run.id desc
limit 5
`;

const instant = z.string().nullable();

const ROW = z.object({
  partner_id: z.string().nullable(),
  payload: jsonColumn,
  origin: z.string(),
  event_id: z.string().nullable(),
  event_time: instant,
  completed_at: z.string(),
  deleted_at: instant,
  client_claimed_at: instant,
  mirrored_at: z.string(),
  lag_ms: z.number().nullable(),
});

/** The row of a leaf; null where there is none. */
export function parseLeafRow(rows: unknown[]) {
  if (rows.length === 0) return null;
  const row = ROW.parse(rows[0]);
  return {
    partnerId: row.partner_id,
    payload: row.payload,
    isTombstone: row.deleted_at !== null,
    origin: row.origin,
    eventId: row.event_id,
    /** Null where any real event wins over the row: a client's claim, or a backfill. */
    eventTime: row.event_time,
    completedAt: row.completed_at,
    deletedAt: row.deleted_at,
    clientClaimedAt: row.client_claimed_at,
    mirroredAt: row.mirrored_at,
    lagMs: row.lag_ms === null ? null : Math.round(row.lag_ms),
  };
}

const DIVERGENCE = z.object({
  id: z.number(),
  ref: z.string(),
  kind: z.enum(KIND_NAMES),
  cause: z.enum(CAUSE_NAMES),
  severity: z.string(),
  detected_by: z.string(),
  rtdb_value: jsonColumn,
  postgres_value: jsonColumn,
  detail: jsonColumn,
  event_id: z.string().nullable(),
  run_id: z.number().nullable(),
  times_seen: z.number(),
  event_time: instant,
  first_seen_at: z.string(),
  last_seen_at: z.string(),
  resolved_at: instant,
});

/** Divergences of a leaf, oldest first. */
export function parseLeafDivergences(rows: unknown[]) {
  return rows.map((row) => {
    const log = DIVERGENCE.parse(row);
    return {
      id: log.id,
      ref: log.ref,
      kind: log.kind,
      cause: log.cause,
      severity: log.severity,
      detectedBy: log.detected_by,
      rtdbValue: log.rtdb_value,
      postgresValue: log.postgres_value,
      detail: log.detail,
      eventId: log.event_id,
      eventTime: log.event_time,
      runId: log.run_id,
      timesSeen: log.times_seen,
      firstSeenAt: log.first_seen_at,
      lastSeenAt: log.last_seen_at,
      resolvedAt: log.resolved_at,
    };
  });
}

const WRITE = z.object({
  operation: z.enum(['insert', 'update', 'delete']),
  written_by: z.string(),
  written_at: z.string(),
  old_payload: jsonColumn,
  new_payload: jsonColumn,
});

/** The last write past the mirror; null where none is known. */
export function parseDirectWrite(rows: unknown[]) {
  if (rows.length === 0) return null;
  const { operation, written_by, written_at, old_payload, new_payload } = WRITE.parse(rows[0]);
  return {
    operation,
    writtenBy: written_by,
    writtenAt: written_at,
    oldPayload: old_payload,
    newPayload: new_payload,
  };
}

const RUN = z.object({
  id: z.number(),
  status: z.enum(['running', 'finished', 'failed']),
  started_at: z.string(),
  finished_at: instant,
  error: z.string().nullable(),
});

/** Runs that compared a leaf, newest first. */
export function parseLeafRuns(rows: unknown[]) {
  return rows.map((row) => {
    const { id, status, started_at, finished_at, error } = RUN.parse(row);
    return { id, status, startedAt: started_at, finishedAt: finished_at, error };
  });
}
