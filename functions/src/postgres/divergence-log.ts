import type { LogKey } from '../events/mirrored-path';
import type { Json, JsonObject } from '../values/json';

/** A disagreement that an event shows; the columns of `mirror.divergence_log` (docs/tables.md). */
export interface Divergence {
  ref: string;
  key: LogKey;
  kind:
    | 'ancestor_overwrite'
    | 'invalid_payload'
    | 'missing_in_rtdb'
    | 'out_of_order'
    | 'value_mismatch'
    | 'write_rejected';
  cause: 'ancestor_overwrite' | 'race' | 'rejected' | 'retention' | 'unknown';
  severity: 'info' | 'warning' | 'error';
  rtdbValue: Json;
  postgresValue: Json;
  detail: JsonObject;
  eventId: string | null;
  eventTime: string | null;
}

/**
 * Writes divergences, at most one for each (ref, kind) in a batch. There is one open row for each
 * (ref, kind); what is seen again is counted, but not an event that is delivered again (the last 16
 * ids are known), nor the same overwrite told by another of its leaves.
 *
 * `lock_timeout` is set here because a transaction pooler takes no session settings: a row that
 * someone has locked by hand must not hold up every other statement on the connection.
 */
export const RECORD_DIVERGENCES = `
with settings as materialized (
  select set_config('lock_timeout', '500ms', true)
)
insert into mirror.divergence_log as log (
  ref, couple_id, date_key, quest_id, user_id, kind, cause, severity, detected_by,
  rtdb_value, postgres_value, detail, event_id, event_time
)
select
  d.ref, d.couple_id, d.date_key, d.quest_id, d.user_id, d.kind, d.cause, d.severity, 'trigger',
  d.rtdb_value, d.postgres_value,
  d.detail || jsonb_build_object(
    'event_ids', case when d.event_id is null then '[]'::jsonb else jsonb_build_array(d.event_id) end
  ),
  d.event_id, d.event_time
from settings
cross join jsonb_to_recordset($1::jsonb) as d (
  ref text,
  couple_id text,
  date_key date,
  quest_id text,
  user_id text,
  kind text,
  cause text,
  severity text,
  rtdb_value jsonb,
  postgres_value jsonb,
  detail jsonb,
  event_id text,
  event_time timestamptz
)
on conflict (md5(ref), kind) where resolved_at is null do update
set
  times_seen = log.times_seen + case
    when log.detail -> 'event_ids' ? excluded.event_id then 0
    when log.kind = 'ancestor_overwrite' and log.event_time = excluded.event_time then 0
    else 1
  end,
  last_seen_at = excluded.last_seen_at,
  cause = excluded.cause,
  severity = excluded.severity,
  rtdb_value = coalesce(excluded.rtdb_value, log.rtdb_value),
  postgres_value = coalesce(excluded.postgres_value, log.postgres_value),
  detail = coalesce(log.detail, '{}') || excluded.detail || jsonb_build_object(
    'event_ids', case
      -- A row that the reconciler or a backfill opened knows of no event.
      when jsonb_typeof(log.detail -> 'event_ids') is distinct from 'array'
      then excluded.detail -> 'event_ids'
      when log.detail -> 'event_ids' ? excluded.event_id then log.detail -> 'event_ids'
      when jsonb_array_length(log.detail -> 'event_ids') >= 16
      then (log.detail -> 'event_ids') - 0 || (excluded.detail -> 'event_ids')
      else (log.detail -> 'event_ids') || (excluded.detail -> 'event_ids')
    end
  ),
  event_id = coalesce(excluded.event_id, log.event_id),
  event_time = excluded.event_time
`;

/** The statement's one parameter: the batch as JSON. */
export function divergencesParameter(divergences: readonly Divergence[]): string {
  return JSON.stringify(
    divergences.map((divergence) => ({
      ref: divergence.ref,
      couple_id: divergence.key.coupleId,
      date_key: divergence.key.dateKey,
      quest_id: divergence.key.questId,
      user_id: divergence.key.userId,
      kind: divergence.kind,
      cause: divergence.cause,
      severity: divergence.severity,
      rtdb_value: divergence.rtdbValue,
      postgres_value: divergence.postgresValue,
      detail: divergence.detail,
      event_id: divergence.eventId,
      event_time: divergence.eventTime,
    })),
  );
}

/**
 * An event that was missing has come, late: $1 ref, $2 its time, $3 and $4 the states it led from and
 * to (JSON, null = not completed), $5 whether the first of them is known, $6 its id. It splits the
 * gap that it falls into in two; a gap whose ends agree is none. With the last of them the leaf's
 * `missed_event` is resolved. All is computed from the row at hand, which another late event may
 * have just changed.
 */
export const RESOLVE_MISSED_EVENT = `
with settings as materialized (
  select set_config('lock_timeout', '500ms', true)
)
update mirror.divergence_log as log
set (detail, resolved_at, cause, severity) = (
  select
    log.detail || jsonb_build_object('gaps', rest.gaps, 'arrived_late_event_id', $6::text),
    case when rest.gaps = '[]'::jsonb then clock_timestamp() end,
    case when rest.gaps = '[]'::jsonb then 'race' else log.cause end,
    case when rest.gaps = '[]'::jsonb then 'info' else log.severity end
  from (
    select coalesce(jsonb_agg(piece.gap), '[]'::jsonb) as gaps
    from jsonb_array_elements(log.detail -> 'gaps') as whole (gap)
    cross join lateral (
      select
        (whole.gap ->> 'from_time')::timestamptz < $2::timestamptz
          and $2::timestamptz < (whole.gap ->> 'to_time')::timestamptz as is_hit
    ) as event
    cross join lateral (
      select whole.gap
      where not event.is_hit
      union all
      select whole.gap || jsonb_build_object('to_value', $3::jsonb, 'to_time', $2::timestamptz)
      where event.is_hit and $5::boolean and whole.gap -> 'from_value' <> coalesce($3::jsonb, 'null')
      union all
      select whole.gap || jsonb_build_object('from_value', $4::jsonb, 'from_time', $2::timestamptz)
      where event.is_hit and whole.gap -> 'to_value' <> coalesce($4::jsonb, 'null')
    ) as piece (gap)
  ) as rest
)
from settings
where md5(log.ref) = md5($1)
  and log.ref = $1
  and log.kind = 'missed_event'
  and log.resolved_at is null
  and exists (
    select
    from jsonb_array_elements(log.detail -> 'gaps') as whole (gap)
    where (whole.gap ->> 'from_time')::timestamptz < $2::timestamptz
      and $2::timestamptz < (whole.gap ->> 'to_time')::timestamptz
  )
`;
