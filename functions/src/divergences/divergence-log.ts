import type { LogPlace } from '../paths/mirrored-path';
import { query } from '../postgres/statements';
import type { Json, JsonObject } from '../values/json';
import type { Classified } from './vocabulary';

/** A disagreement that an event shows; the columns of `mirror.divergence_log` (docs/tables.md). */
export interface Divergence extends Classified {
  ref: string;
  place: LogPlace;
  rtdbValue: Json;
  postgresValue: Json;
  detail: JsonObject;
  eventId: string | null;
  eventTime: string | null;
}

/**
 * Writes divergences, which may be of several paths. There is one open row for each (path, ref, kind); what
 * is seen again is counted, but not an event that is delivered again (the last 16 ids are known), nor
 * the same overwrite told by another of its leaves.
 *
 * Of a shard's refused writes 100 of a path and kind have rows of their own; the rest share one, whose
 * ref is the shard's and whose `latest_ref` is the newest leaf's. Statements that run at once may bring
 * a few more.
 *
 * `lock_timeout` is set here because a transaction pooler takes no session settings: a row that
 * someone has locked by hand must not hold up every other statement on the connection.
 */
export const RECORD_DIVERGENCES = query({
  text: `
with settings as materialized (
  select set_config('lock_timeout', '500ms', true)
),
told as materialized (
  select
    d.*,
    d.kind in ('invalid_payload', 'write_rejected', 'foreign_user') and d.shard is not null and not exists (
      select
      from mirror.divergence_log as own
      where md5(own.ref) = md5(d.ref)
        and own.kind = d.kind
        and own.path = d.path
        and own.resolved_at is null
    ) as is_new_refusal
  from settings
  cross join jsonb_to_recordset($1::jsonb) as d (
    path text,
    ref text,
    shard text,
    day date,
    key jsonb,
    kind text,
    cause text,
    severity text,
    rtdb_value jsonb,
    postgres_value jsonb,
    detail jsonb,
    event_id text,
    event_time timestamptz
  )
),
placed as (
  select
    told.*,
    case when is_new_refusal then
      row_number() over (partition by path, shard, kind, is_new_refusal order by ref) + (
        select count(*)
        from (
          select
          from mirror.divergence_log as log
          where md5(log.shard) = md5(told.shard)
            and log.shard = told.shard
            and log.kind = told.kind
            and log.path = told.path
            and log.kind in ('invalid_payload', 'write_rejected', 'foreign_user')
            and log.resolved_at is null
          limit 100
        ) as known
      ) > 100
    else false end as is_beyond
  from told
),
addressed as (
  select
    placed.*,
    case
      when not is_beyond then ref
      else left(ref, strpos('/' || ref || '/', '/' || shard || '/') + length(shard) - 1)
    end as row_ref,
    -- As the row keeps it; the ids of real events are shorter.
    left(event_id, 128) as short_id
  from placed
),
gathered as (
  select distinct on (row_ref, kind, path)
    addressed.*,
    (count(*) over same_row)::integer as times,
    jsonb_agg(short_id) filter (where short_id is not null) over same_row as ids
  from addressed
  window same_row as (partition by row_ref, kind, path)
  order by row_ref, kind, path, event_time desc nulls last
)
insert into mirror.divergence_log as log (
  path, ref, shard, day, key, kind, cause, severity, detected_by,
  rtdb_value, postgres_value, detail, event_id, event_time, times_seen
)
select
  path, row_ref, shard,
  case when not is_beyond then day end,
  case when not is_beyond then key end,
  kind, cause, severity, $2, rtdb_value, postgres_value,
  detail || jsonb_build_object('event_ids', coalesce(ids, '[]')) || case
    when is_beyond then jsonb_build_object('is_summary', true, 'latest_ref', ref)
    else '{}'
  end,
  short_id, event_time, times
from gathered
on conflict (md5(ref), kind, path) where resolved_at is null do update
set
  times_seen = log.times_seen + case
    when log.kind = 'ancestor_overwrite' and log.event_time = excluded.event_time then 0
    else excluded.times_seen - (
      select count(*)
      from jsonb_array_elements_text(excluded.detail -> 'event_ids') as told (id)
      where log.detail -> 'event_ids' ? told.id
    )::integer
  end,
  last_seen_at = excluded.last_seen_at,
  cause = excluded.cause,
  severity = excluded.severity,
  rtdb_value = coalesce(excluded.rtdb_value, log.rtdb_value),
  postgres_value = coalesce(excluded.postgres_value, log.postgres_value),
  detail = coalesce(log.detail, '{}') || excluded.detail || jsonb_build_object('event_ids', (
    select coalesce(jsonb_agg(newest.id order by newest.place), '[]')
    from (
      select known.id, known.place
      from (
        select id, place
        -- A row that the reconciler or a backfill opened knows of no event.
        from jsonb_array_elements(
          case when jsonb_typeof(log.detail -> 'event_ids') = 'array'
          then log.detail -> 'event_ids' else '[]' end
        ) with ordinality as old (id, place)
        union all
        select id, 1000 + place
        from jsonb_array_elements(excluded.detail -> 'event_ids') with ordinality as new (id, place)
        where not coalesce(log.detail -> 'event_ids' @> new.id, false)
      ) as known
      order by known.place desc
      limit 16
    ) as newest
  )),
  event_id = coalesce(excluded.event_id, log.event_id),
  event_time = coalesce(excluded.event_time, log.event_time)
`,
  params: { divergences: 'jsonb', detectedBy: 'text' },
  row: {},
});

/** Divergences of one path, as {@link RECORD_DIVERGENCES} takes them. */
export function rowsOfDivergences(path: string, divergences: readonly Divergence[]): JsonObject[] {
  return divergences.map((divergence) => ({
    ref: divergence.ref,
    path,
    ...divergence.place,
    kind: divergence.kind,
    cause: divergence.cause,
    severity: divergence.severity,
    rtdb_value: divergence.rtdbValue,
    postgres_value: divergence.postgresValue,
    detail: divergence.detail,
    event_id: divergence.eventId,
    event_time: divergence.eventTime,
  }));
}
