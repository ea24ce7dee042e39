import { query } from '../postgres/statements';

/**
 * An event that was missing has come, late. It splits the gap that it falls into in two; a gap whose ends
 * agree is none. With the last of them the leaf's `missed_event` is resolved, unless more gaps were met
 * than the row keeps. All is computed from the row at hand, which another late event may have just changed.
 */
export const RESOLVE_MISSED_EVENT = query({
  text: `
with settings as materialized (
  select set_config('lock_timeout', '500ms', true)
)
update mirror.divergence_log as log
set (detail, resolved_at, cause, severity) = (
  select
    log.detail
      || mirror.few_gaps(rest.gaps, rest.dropped)
      || jsonb_build_object('arrived_late_event_id', left($6::text, 128)),
    case when rest.is_over then clock_timestamp() end,
    case when rest.is_over then 'race' else log.cause end,
    case when rest.is_over then 'info' else log.severity end
  from (
    select
      coalesce(jsonb_agg(piece.gap), '[]'::jsonb) as gaps,
      coalesce((log.detail ->> 'gaps_dropped')::integer, 0) as dropped,
      count(piece.gap) = 0 and log.detail -> 'gaps_dropped' is null as is_over
    from jsonb_array_elements(log.detail -> 'gaps') as whole (gap)
    cross join lateral (
      select mirror.falls_into_gap(whole.gap, $2::timestamptz, $3, $4, $5) as is_hit
    ) as event
    cross join lateral (
      select whole.gap
      where not event.is_hit
      union all
      select whole.gap || jsonb_build_object('to_hash', $3::text, 'to_time', $2::timestamptz)
      where event.is_hit and $5::boolean and whole.gap ->> 'from_hash' is distinct from $3::text
      union all
      select whole.gap || jsonb_build_object('from_hash', $4::text, 'from_time', $2::timestamptz)
      where event.is_hit and whole.gap ->> 'to_hash' is distinct from $4::text
    ) as piece (gap)
  ) as rest
)
from settings
where md5(log.ref) = md5($1)
  and log.ref = $1
  and log.path = $7
  and log.kind = 'missed_event'
  and log.resolved_at is null
  and exists (
    select
    from jsonb_array_elements(log.detail -> 'gaps') as whole (gap)
    where mirror.falls_into_gap(whole.gap, $2::timestamptz, $3, $4, $5)
  )
`,
  params: {
    ref: 'text',
    eventTime: 'timestamptz',
    /** Hashes of the states that it led from and to; null = not there. */
    fromHash: 'text?',
    toHash: 'text?',
    isFromKnown: 'boolean',
    eventId: 'text',
    path: 'text',
  },
  row: {},
});
