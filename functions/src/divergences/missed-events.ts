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

/**
 * Tells why events were missed, once that is known, and closes what no longer matters.
 *
 * The log's `gaps` say between which instants the event must have been. What mirroring being off
 * explains, or a write past the mirror, is told at once; else the event may still come, until its
 * retries are over. A leaf that the run found in agreement has got over the loss: resolved.
 */
export const EXPLAIN_MISSED_EVENTS = query({
  text: `
with missed as materialized (
  select
    log.id,
    log.ref,
    log.cause,
    (
      select jsonb_build_object('reason', c.reason, 'from_at', c.from_at, 'to_at', c.to_at)
      from jsonb_array_elements(log.detail -> 'gaps') as hole (gap)
      join mirror.coverage as c
        on c.reason in ('flag_off', 'percent')
        and c.from_at <= (hole.gap ->> 'to_time')::timestamptz
        and coalesce(c.to_at, 'infinity') >= (hole.gap ->> 'from_time')::timestamptz
      order by c.from_at
      limit 1
    ) as coverage,
    exists (
      select
      from mirror.direct_writes as direct
      where direct.path = log.path
        and md5(direct.key::text) = md5(log.key::text)
        and direct.key = log.key
        and direct.written_at <= log.first_seen_at
        and direct.new_payload is not distinct from log.postgres_value
    ) as is_direct_write,
    log.event_time < $3::timestamptz - make_interval(secs => $4::double precision) as is_over,
    run.started_at
  from mirror.reconcile_runs as run
  join mirror.divergence_log as log
    on log.day between run.from_date and run.to_date and log.path = 'quest_completions'
  where run.id = $1::bigint
    and run.status = 'finished'
    and log.kind = 'missed_event'
    and log.resolved_at is null
    and log.last_seen_at < run.started_at
    and ($2::text[] is null or log.shard = any ($2))
),
judged as (
  select
    missed.id,
    missed.coverage,
    case
      when missed.cause <> 'unknown' then missed.cause
      when missed.is_direct_write then 'direct_postgres_write'
      when missed.coverage is not null then 'flag_disabled'
      when missed.is_over then 'retries_exhausted'
      else 'unknown'
    end as cause,
    not exists (
      select
      from mirror.divergence_log as standing
      where standing.ref = missed.ref
        and standing.resolved_at is null
        and standing.run_id is not null
        and standing.last_seen_at >= missed.started_at
        and standing.kind <> 'missed_event'
    ) as agrees
  from missed
)
update mirror.divergence_log as log
set
  cause = judged.cause,
  detail = log.detail || case
    when judged.cause = 'flag_disabled' then jsonb_build_object('coverage', judged.coverage)
    else '{}'
  end,
  resolved_at = case when judged.agrees then clock_timestamp() end
from judged
where log.id = judged.id and judged.cause <> 'unknown'
`,
  params: {
    runId: 'bigint',
    /** Those that the run was asked for; null = all. */
    couples: 'text[]?',
    asOf: 'timestamptz',
    /** For how long the platform retries an event. */
    retrySeconds: 'double precision',
  },
  row: {},
});
