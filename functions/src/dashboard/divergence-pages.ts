import { z } from 'zod';
import { CAUSE_NAMES, KIND_NAMES, SEVERITIES } from '../divergences/vocabulary';
import { query, type RowOf } from '../postgres/statements';
import type { JsonObject } from '../values/json';

/**
 * The divergence log of all paths for people: filtered, sorted, by pages. A filter that is null filters nothing. The
 * planner sees the values, so that conditions on null and orders that aren't asked for cost nothing.
 */

const FILTER = {
  path: 'text?',
  kind: 'text?',
  cause: 'text?',
  severity: 'text?',
  shard: 'text?',
  day: 'date?',
  /** Null = resolved ones as well. */
  isOpen: 'boolean?',
  /** Of those that somebody has to act on. */
  kinds: 'text[]?',
  causes: 'text[]?',
} as const;

/** How many rows there are, and for how many keys they stand. */
export const COUNT_DIVERGENCES = query({
  text: `
select count(*)::double precision as total, coalesce(sum(log.keys), 0)::double precision as keys
from mirror.divergence_log as log
where ($1::text is null or log.path = $1)
  and ($2::text is null or log.kind = $2)
  and ($3::text is null or log.cause = $3)
  and ($4::text is null or log.severity = $4)
  and ($5::text is null or (md5(log.shard) = md5($5) and log.shard = $5))
  and ($6::date is null or log.day = $6)
  and ($7::boolean is null or (log.resolved_at is null) = $7)
  and ($8::text[] is null or log.kind = any ($8))
  and ($9::text[] is null or log.cause = any ($9))
`,
  params: FILTER,
  row: { total: z.number(), keys: z.number() },
});

const SHOWN = {
  id: z.number(),
  path: z.string(),
  ref: z.string(),
  shard: z.string().nullable(),
  day: z.string().nullable(),
  /** By key column; null where the row is about no single leaf. */
  key: z.custom<JsonObject>().nullable(),
  kind: z.enum(KIND_NAMES),
  cause: z.enum(CAUSE_NAMES),
  severity: z.enum(SEVERITIES),
  detectedBy: z.string(),
  /** For how many it stands. */
  keys: z.number(),
  timesSeen: z.number(),
  firstSeenAt: z.string(),
  lastSeenAt: z.string(),
  resolvedAt: z.string().nullable(),
  resolvedBy: z.string().nullable(),
};

/** One page; `skipped` come before it. */
export const DIVERGENCE_PAGE = query({
  text: `
with page as (
  select
    log.id,
    row_number() over () as place
  from (
    select log.id
    from mirror.divergence_log as log
    where ($1::text is null or log.path = $1)
      and ($2::text is null or log.kind = $2)
      and ($3::text is null or log.cause = $3)
      and ($4::text is null or log.severity = $4)
      and ($5::text is null or (md5(log.shard) = md5($5) and log.shard = $5))
      and ($6::date is null or log.day = $6)
      and ($7::boolean is null or (log.resolved_at is null) = $7)
      and ($8::text[] is null or log.kind = any ($8))
      and ($9::text[] is null or log.cause = any ($9))
    order by
      case when $10::text = '-first_seen' then log.first_seen_at end desc,
      case when $10::text = 'first_seen' then log.first_seen_at end,
      case when $10::text = '-last_seen' then log.last_seen_at end desc,
      case when $10::text = 'last_seen' then log.last_seen_at end,
      case when $10::text = '-times_seen' then log.times_seen end desc,
      case when $10::text = 'times_seen' then log.times_seen end,
      case when $10::text = '-keys' then log.keys end desc,
      case when $10::text = 'keys' then log.keys end,
      case when $10::text = '-severity'
        then array_position(array['info', 'warning', 'error'], log.severity) end desc,
      case when $10::text = 'severity'
        then array_position(array['info', 'warning', 'error'], log.severity) end,
      case when $10::text = '-kind' then log.kind end desc,
      case when $10::text = 'kind' then log.kind end,
      case when $10::text = '-cause' then log.cause end desc,
      case when $10::text = 'cause' then log.cause end,
      case when $10::text = '-day' then log.day end desc nulls last,
      case when $10::text = 'day' then log.day end,
      log.id desc
    limit $11::integer
    offset $12::integer
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
  log.keys,
  log.times_seen,
  to_char(log.first_seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as first_seen_at,
  to_char(log.last_seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as last_seen_at,
  to_char(log.resolved_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as resolved_at,
  log.resolved_by
from page
join mirror.divergence_log as log on log.id = page.id
order by page.place
`,
  params: { ...FILTER, sort: 'text', most: 'integer', skipped: 'integer' },
  row: SHOWN,
});

/** A row of the log as the table shows it. */
export type DivergenceRow = RowOf<typeof DIVERGENCE_PAGE>;

/**
 * The next rows by id, so that an export of any length goes by pages of one cost; values are JSON text, cut where they
 * are long. Ids first: sorted with its values, a table without statistics would be unpacked whole for each page.
 */
export const DIVERGENCE_EXPORT = query({
  text: `
with page as materialized (
  select log.id
  from mirror.divergence_log as log
  where ($1::text is null or log.path = $1)
    and ($2::text is null or log.kind = $2)
    and ($3::text is null or log.cause = $3)
    and ($4::text is null or log.severity = $4)
    and ($5::text is null or (md5(log.shard) = md5($5) and log.shard = $5))
    and ($6::date is null or log.day = $6)
    and ($7::boolean is null or (log.resolved_at is null) = $7)
    and ($8::text[] is null or log.kind = any ($8))
    and ($9::text[] is null or log.cause = any ($9))
    and log.id > $10::bigint
  order by log.id
  limit $11::integer
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
  log.keys,
  log.times_seen,
  to_char(log.first_seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as first_seen_at,
  to_char(log.last_seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as last_seen_at,
  to_char(log.resolved_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as resolved_at,
  log.resolved_by,
  to_char(log.written_after at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as written_after,
  to_char(log.written_before at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as written_before,
  log.event_id,
  to_char(log.event_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as event_time,
  left(log.rtdb_value::text, $12::integer) as rtdb_value,
  left(log.postgres_value::text, $12::integer) as postgres_value,
  left(log.detail::text, $12::integer) as detail
from page
join mirror.divergence_log as log on log.id = page.id
order by page.id
`,
  params: { ...FILTER, after: 'bigint', most: 'integer', valueMax: 'integer' },
  row: {
    ...SHOWN,
    writtenAfter: z.string().nullable(),
    writtenBefore: z.string().nullable(),
    eventId: z.string().nullable(),
    eventTime: z.string().nullable(),
    rtdbValue: z.string().nullable(),
    postgresValue: z.string().nullable(),
    detail: z.string().nullable(),
  },
});

/** A row with its evidence. */
export type ExportedDivergence = RowOf<typeof DIVERGENCE_EXPORT>;

/** Whose story a row of the table opens. */
export const DIVERGENCE_REF = query({
  text: `
select log.path, log.ref from mirror.divergence_log as log where log.id = $1
`,
  params: { id: 'bigint' },
  row: { path: z.string(), ref: z.string() },
});

/** What is open, by kind, cause and severity; the worst first. */
export const OPEN_DIVERGENCES = query({
  text: `
select
  kind,
  cause,
  severity,
  count(*)::double precision as open,
  sum(keys)::double precision as keys
from mirror.divergence_log
where resolved_at is null
  and ($1::text is null or path = $1)
group by kind, cause, severity
order by array_position(array['error', 'warning', 'info'], severity), keys desc, kind, cause
`,
  params: { path: 'text?' },
  row: {
    kind: z.enum(KIND_NAMES),
    cause: z.enum(CAUSE_NAMES),
    severity: z.enum(SEVERITIES),
    open: z.number(),
    keys: z.number(),
  },
});

export type OpenDivergences = RowOf<typeof OPEN_DIVERGENCES>;

/** Divergences that a trigger reports, by the hour in which they were first seen. */
export const REFUSALS_BY_HOUR = query({
  text: `
select
  to_char(seen.hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as hour,
  seen.kind,
  seen.seen
from (
  select
    -- Whole hours of UTC; date_trunc looks the zone up for every row.
    date_bin('1 hour', log.first_seen_at, '2000-01-01T00:00:00Z'::timestamptz) as hour,
    log.kind,
    count(*)::double precision as seen
  from mirror.divergence_log as log
  where log.first_seen_at >= $1
    and ($2::text is null or log.path = $2)
    and log.kind in ('out_of_order', 'invalid_payload', 'write_rejected', 'missed_event')
  group by 1, 2
) as seen
order by seen.hour, seen.kind
`,
  params: { since: 'timestamptz', path: 'text?' },
  row: { hour: z.string(), kind: z.enum(KIND_NAMES), seen: z.number() },
});
