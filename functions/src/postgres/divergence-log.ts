import type { PartialKey } from '../quests/completion-path';
import type { Json, JsonObject } from '../quests/json';

/** A disagreement that an event shows; the columns of `mirror.divergence_log` (DESIGN section 3). */
export interface Divergence {
  ref: string;
  key: PartialKey;
  kind:
    | 'ancestor_overwrite'
    | 'invalid_payload'
    | 'missing_in_rtdb'
    | 'out_of_order'
    | 'write_rejected';
  cause: 'ancestor_overwrite' | 'race' | 'rejected' | 'retention';
  severity: 'info' | 'warning' | 'error';
  rtdbValue: Json;
  postgresValue: Json;
  detail: JsonObject;
  eventId: string | null;
  eventTime: string | null;
}

/**
 * Writes divergences, at most one for each (ref, kind) in a batch. There is one open row for each
 * (ref, kind); what is seen again is counted, but an event delivered again is not seen again.
 */
export const RECORD_DIVERGENCES = `
insert into mirror.divergence_log as log (
  ref, couple_id, date_key, quest_id, user_id, kind, cause, severity, detected_by,
  rtdb_value, postgres_value, detail, event_id, event_time
)
select
  d.ref, d.couple_id, d.date_key, d.quest_id, d.user_id, d.kind, d.cause, d.severity, 'trigger',
  d.rtdb_value, d.postgres_value, d.detail, d.event_id, d.event_time
from jsonb_to_recordset($1::jsonb) as d (
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
  times_seen = log.times_seen + case when log.event_id = excluded.event_id then 0 else 1 end,
  last_seen_at = excluded.last_seen_at,
  cause = excluded.cause,
  severity = excluded.severity,
  rtdb_value = coalesce(excluded.rtdb_value, log.rtdb_value),
  postgres_value = coalesce(excluded.postgres_value, log.postgres_value),
  detail = coalesce(log.detail, '{}'::jsonb) || excluded.detail,
  event_id = excluded.event_id,
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
 * An event that was missing has come, late: $1 ref, $2 the state it brought (JSON, null = not
 * completed), $3 its time, $4 its id. The leaf's open `missed_event` no longer awaits it, and is
 * resolved when it awaits no other.
 */
export const RESOLVE_MISSED_EVENT = `
update mirror.divergence_log as log
-- All of it is computed from the row at hand, which a concurrent late event may have just changed.
set (detail, resolved_at, cause, severity) = (
  select
    log.detail || jsonb_build_object('awaited', gap.awaited, 'arrived_late_event_id', $4::text),
    case when gap.awaited = '[]'::jsonb then clock_timestamp() end,
    case when gap.awaited = '[]'::jsonb then 'race' else log.cause end,
    case when gap.awaited = '[]'::jsonb then 'info' else log.severity end
  from (
    select coalesce(jsonb_agg(a.event), '[]'::jsonb) as awaited
    from jsonb_array_elements(log.detail -> 'awaited') as a (event)
    where a.event -> 'value' <> coalesce($2::jsonb, 'null'::jsonb)
      or (a.event ->> 'from')::timestamptz > $3::timestamptz
      or (a.event ->> 'to')::timestamptz < $3::timestamptz
  ) as gap
)
where md5(log.ref) = md5($1)
  and log.ref = $1
  and log.kind = 'missed_event'
  and log.resolved_at is null
  and exists (
    select
    from jsonb_array_elements(log.detail -> 'awaited') as a (event)
    where a.event -> 'value' = coalesce($2::jsonb, 'null'::jsonb)
      and coalesce((a.event ->> 'from')::timestamptz, '-infinity') <= $3::timestamptz
      and (a.event ->> 'to')::timestamptz >= $3::timestamptz
  )
`;
