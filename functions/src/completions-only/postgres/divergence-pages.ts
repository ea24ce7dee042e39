import { z } from 'zod';
import { CAUSE_NAMES, KIND_NAMES } from '../../divergences/vocabulary';

/**
 * The divergence log of all paths for people: filtered, sorted, by pages. A filter that is null filters nothing.
 * The planner sees the values, so that conditions on null and orders that are not asked for cost
 * nothing.
 */

/** $1 kind, $2 cause, $3 severity, $4 shard, $5 day, $6 open, resolved or all. */
export const COUNT_DIVERGENCES = `
select count(*)::integer as total
from mirror.divergence_log as log
where ($1::text is null or log.kind = $1)
  and ($2::text is null or log.cause = $2)
  and ($3::text is null or log.severity = $3)
  and ($4::text is null or (md5(log.shard) = md5($4) and log.shard = $4))
  and ($5::date is null or log.day = $5)
  and case $6::text
    when 'open' then log.resolved_at is null
    when 'resolved' then log.resolved_at is not null
    else true
  end
`;

/** As COUNT_DIVERGENCES; $7 the order, $8 how many, $9 after how many. */
export const DIVERGENCE_PAGE = `
with page as (
  select
    log.id,
    row_number() over () as place
  from (
    select log.id
    from mirror.divergence_log as log
    where ($1::text is null or log.kind = $1)
      and ($2::text is null or log.cause = $2)
      and ($3::text is null or log.severity = $3)
      and ($4::text is null or (md5(log.shard) = md5($4) and log.shard = $4))
      and ($5::date is null or log.day = $5)
      and case $6::text
        when 'open' then log.resolved_at is null
        when 'resolved' then log.resolved_at is not null
        else true
      end
    order by
      case when $7::text = '-first_seen' then log.first_seen_at end desc,
      case when $7::text = 'first_seen' then log.first_seen_at end,
      case when $7::text = '-last_seen' then log.last_seen_at end desc,
      case when $7::text = 'last_seen' then log.last_seen_at end,
      case when $7::text = '-times_seen' then log.times_seen end desc,
      case when $7::text = 'times_seen' then log.times_seen end,
      case when $7::text = '-severity'
        then array_position(array['info', 'warning', 'error'], log.severity) end desc,
      case when $7::text = 'severity'
        then array_position(array['info', 'warning', 'error'], log.severity) end,
      case when $7::text = '-kind' then log.kind end desc,
      case when $7::text = 'kind' then log.kind end,
      case when $7::text = '-cause' then log.cause end desc,
      case when $7::text = 'cause' then log.cause end,
      case when $7::text = '-day' then log.day end desc nulls last,
      case when $7::text = 'day' then log.day end,
      log.id desc
    limit $8::integer
    offset $9::integer
  ) as log
)
select
  log.id::double precision as id,
  log.path,
  log.ref,
  log.shard,
  to_char(log.day, 'YYYY-MM-DD') as day,
  log.key,
  log.kind,
  log.cause,
  log.severity,
  log.detected_by,
  log.times_seen,
  to_char(log.first_seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as first_seen_at,
  to_char(log.last_seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as last_seen_at,
  to_char(log.resolved_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as resolved_at
from page
join mirror.divergence_log as log on log.id = page.id
order by page.place
`;

/**
 * As COUNT_DIVERGENCES; $7 after which id, $8 how many, $9 characters of a value. By id, so that an
 * export of any length goes by pages of one cost; long values are cut. Ids first: sorted with its values,
 * a table without statistics would be unpacked whole for each page.
 */
export const DIVERGENCE_EXPORT = `
with page as materialized (
  select log.id
  from mirror.divergence_log as log
  where ($1::text is null or log.kind = $1)
    and ($2::text is null or log.cause = $2)
    and ($3::text is null or log.severity = $3)
    and ($4::text is null or (md5(log.shard) = md5($4) and log.shard = $4))
    and ($5::date is null or log.day = $5)
    and case $6::text
      when 'open' then log.resolved_at is null
      when 'resolved' then log.resolved_at is not null
      else true
    end
    and log.id > $7::bigint
  order by log.id
  limit $8::integer
)
select
  log.id::double precision as id,
  log.path,
  log.ref,
  log.shard,
  to_char(log.day, 'YYYY-MM-DD') as day,
  log.key,
  log.kind,
  log.cause,
  log.severity,
  log.detected_by,
  log.times_seen,
  to_char(log.first_seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as first_seen_at,
  to_char(log.last_seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as last_seen_at,
  to_char(log.resolved_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as resolved_at,
  log.event_id,
  to_char(log.event_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as event_time,
  log.run_id::double precision as run_id,
  left(log.rtdb_value::text, $9::integer) as rtdb_value,
  left(log.postgres_value::text, $9::integer) as postgres_value,
  left(log.detail::text, $9::integer) as detail
from page
join mirror.divergence_log as log on log.id = page.id
order by page.id
`;

/** $1 id. Whose story a row of the table opens. */
export const DIVERGENCE_REF = `
select log.path, log.ref from mirror.divergence_log as log where log.id = $1::bigint
`;

/** $1 since when. Divergences that the trigger tells of, by the hour in which they were first seen. */
export const REFUSALS_BY_HOUR = `
select
  to_char(seen.hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as hour,
  seen.kind,
  seen.seen
from (
  select
    -- Whole hours of UTC; date_trunc looks the zone up for every row.
    date_bin('1 hour', log.first_seen_at, '2000-01-01T00:00:00Z'::timestamptz) as hour,
    log.kind,
    count(*)::integer as seen
  from mirror.divergence_log as log
  where log.first_seen_at >= $1::timestamptz
    and log.kind in ('out_of_order', 'invalid_payload', 'write_rejected', 'missed_event')
  group by 1, 2
) as seen
order by seen.hour, seen.kind
`;

const ROW = z.object({
  id: z.number(),
  path: z.string(),
  ref: z.string(),
  shard: z.string().nullable(),
  day: z.string().nullable(),
  /** By key column; null where the row is about no single leaf. */
  key: z.record(z.string(), z.json()).nullable(),
  kind: z.enum(KIND_NAMES),
  cause: z.enum(CAUSE_NAMES),
  severity: z.enum(['info', 'warning', 'error']),
  detected_by: z.string(),
  times_seen: z.number(),
  first_seen_at: z.string(),
  last_seen_at: z.string(),
  resolved_at: z.string().nullable(),
});

/** A row of the log as the table shows it, in the log's own names. */
export type DivergenceRow = z.infer<typeof ROW>;

export function parseDivergencePage(rows: unknown[]): DivergenceRow[] {
  return rows.map((row) => ROW.parse(row));
}

const EXPORTED = ROW.extend({
  event_id: z.string().nullable(),
  event_time: z.string().nullable(),
  run_id: z.number().nullable(),
  rtdb_value: z.string().nullable(),
  postgres_value: z.string().nullable(),
  detail: z.string().nullable(),
});

/** A row with its evidence; values are JSON text, cut where they are long. */
export type ExportedDivergence = z.infer<typeof EXPORTED>;

export function parseExport(rows: unknown[]): ExportedDivergence[] {
  return rows.map((row) => EXPORTED.parse(row));
}

export function parseTotal(rows: unknown[]): number {
  return z.object({ total: z.number() }).parse(rows[0]).total;
}

/** The path and ref of a divergence; null where there is no such row. */
export function parseDivergenceRef(rows: unknown[]): { path: string; ref: string } | null {
  return rows.length === 0 ? null : z.object({ path: z.string(), ref: z.string() }).parse(rows[0]);
}

const REFUSALS = z.object({
  hour: z.string(),
  kind: z.enum(['out_of_order', 'invalid_payload', 'write_rejected', 'missed_event']),
  seen: z.number(),
});

export type RefusalsOfHour = z.infer<typeof REFUSALS>;

export function parseRefusals(rows: unknown[]): RefusalsOfHour[] {
  return rows.map((row) => REFUSALS.parse(row));
}
