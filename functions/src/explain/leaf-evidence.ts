import { z } from 'zod';
import { COVERAGE_REASON } from '../coverage/coverage';
import { CAUSE_NAMES, KIND_NAMES } from '../divergences/vocabulary';
import { jsonColumn, query } from '../postgres/statements';
import type { JsonObject } from '../values/json';

/** A row of any path with all its columns, by name; null = there is none. */
export const ROW_OF = query({
  text: 'select mirror.row_of($1, $2) as shown',
  params: { path: 'text', parts: 'jsonb' },
  row: { shown: z.custom<JsonObject>().nullable() },
});

/** Refs of a leaf, and of what lies above it: some divergences are told once for many. Oldest first. */
export const DIVERGENCES_OF_LEAF = query({
  text: `
select
  log.id::double precision as id,
  log.ref,
  log.kind,
  log.cause,
  log.severity,
  log.detected_by,
  log.keys,
  log.rtdb_value,
  log.postgres_value,
  log.detail,
  log.event_id,
  log.times_seen,
  log.resolved_by,
  to_char(log.event_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as event_time,
  to_char(log.written_after at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as written_after,
  to_char(log.written_before at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as written_before,
  to_char(log.first_seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as first_seen_at,
  to_char(log.last_seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as last_seen_at,
  to_char(log.resolved_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as resolved_at
from mirror.divergence_log as log
where log.ref = any ($1) and log.path = $2
order by log.first_seen_at, log.id
`,
  params: { refs: 'text[]', path: 'text' },
  row: {
    id: z.number(),
    ref: z.string(),
    kind: z.enum(KIND_NAMES),
    cause: z.enum(CAUSE_NAMES),
    severity: z.string(),
    detectedBy: z.string(),
    keys: z.number(),
    rtdbValue: jsonColumn,
    postgresValue: jsonColumn,
    detail: jsonColumn,
    eventId: z.string().nullable(),
    timesSeen: z.number(),
    resolvedBy: z.string().nullable(),
    eventTime: z.string().nullable(),
    writtenAfter: z.string().nullable(),
    writtenBefore: z.string().nullable(),
    firstSeenAt: z.string(),
    lastSeenAt: z.string(),
    resolvedAt: z.string().nullable(),
  },
});

/** A key's last write that went past the mirror, or the last TRUNCATE of its table. */
export const DIRECT_WRITE_OF_LEAF = query({
  text: `
select
  w.operation,
  w.written_by,
  to_char(w.written_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as written_at,
  w.old_payload,
  w.new_payload
from mirror.direct_writes as w
where w.path = $1
  and (
    md5(w.key::text) = md5($2::jsonb::text) and w.key = $2
    or md5(w.key::text) = md5('{}') and w.operation = 'truncate'
  )
order by w.written_at desc
limit 1
`,
  params: { path: 'text', key: 'jsonb' },
  row: {
    operation: z.enum(['insert', 'update', 'delete', 'truncate']),
    writtenBy: z.string(),
    writtenAt: z.string(),
    oldPayload: jsonColumn,
    newPayload: jsonColumn,
  },
});

/** Coverage gaps of a path that overlap the time from $2 (null = whenever) to $3, or in which one of $4 lies. */
export const GAPS_OF_LEAF = query({
  text: `
select * from (
  select
    to_char(gap.from_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as from_at,
    to_char(gap.to_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as to_at,
    gap.reason
  from mirror.coverage as gap
  where (gap.path is null or gap.path = $1)
    and (
      gap.from_at <= $3::timestamptz and coalesce(gap.to_at, 'infinity') >= coalesce($2::timestamptz, '-infinity')
      or exists (
        select
        from unnest($4::text[]) as written (at)
        where written.at::timestamptz >= gap.from_at
          and (gap.to_at is null or written.at::timestamptz <= gap.to_at)
      )
    )
  order by gap.from_at desc, gap.id desc
  limit 20
) as newest
order by from_at
`,
  params: { path: 'text', after: 'timestamptz?', before: 'timestamptz', writes: 'text[]' },
  row: { fromAt: z.string(), toAt: z.string().nullable(), reason: COVERAGE_REASON },
});
