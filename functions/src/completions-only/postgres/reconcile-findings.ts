import type { CompletionKey } from '../../paths/quest-completions/completion-path';
import type { Json, JsonObject } from '../../values/json';

/** What a run found standing on one key, for `mirror.divergence_log`. */
export interface FoundDivergence {
  ref: string;
  key: CompletionKey;
  kind: string;
  cause: string;
  severity: string;
  rtdbValue: Json;
  postgresValue: Json;
  detail: JsonObject;
  eventId: string | null;
  eventTime: string | null;
  /** Normalized instant before which both sides were read. */
  readAt: string;
}

/**
 * $1 run (null = none), $2 findings as JSON, $3 who found them. One open row for each (path, ref, kind); a
 * run counts each once, however often its shard is done over. Another run may have found it gone after
 * this one had read it: then it is not opened again.
 */
export const LOG_FINDINGS = `
insert into mirror.divergence_log as log (
  path, ref, shard, day, key, kind, cause, severity, detected_by,
  rtdb_value, postgres_value, detail, event_id, event_time, run_id
)
select
  'quest_completions', f.ref, f.couple_id, f.date_key,
  jsonb_build_object(
    'couple_id', f.couple_id, 'date_key', f.date_key, 'quest_id', f.quest_id, 'user_id', f.user_id
  ),
  f.kind, f.cause, f.severity, $3,
  f.rtdb_value, f.postgres_value, f.detail, f.event_id, f.event_time, $1::bigint
from jsonb_to_recordset($2::jsonb) as f (
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
  event_time timestamptz,
  read_at timestamptz
)
where not exists (
  select
  from mirror.divergence_log as gone
  where gone.ref = f.ref
    and gone.path = 'quest_completions'
    and gone.kind = f.kind
    and gone.resolved_at > f.read_at
)
order by f.couple_id, f.date_key, f.quest_id, f.user_id, f.kind
on conflict (md5(ref), kind, path) where resolved_at is null do update
set
  times_seen = log.times_seen + case when log.run_id = excluded.run_id then 0 else 1 end,
  last_seen_at = excluded.last_seen_at,
  cause = excluded.cause,
  severity = excluded.severity,
  detected_by = case
    when excluded.run_id is null then log.detected_by
    else excluded.detected_by
  end,
  rtdb_value = excluded.rtdb_value,
  postgres_value = excluded.postgres_value,
  detail = coalesce(log.detail, '{}') || excluded.detail,
  event_id = excluded.event_id,
  event_time = excluded.event_time,
  run_id = coalesce(excluded.run_id, log.run_id)
`;

/**
 * $1 run, $2 couples it was asked for (null = all). What a finished run did not see standing on the
 * days that it compared is gone. Of what the trigger logged, only what says that a leaf was not
 * mirrored as it stood; and only what nobody has seen since the run began, where no run (this one, or
 * one beside it) has found the leaf standing since. The row that a couple's refused writes share goes
 * after all the others of its kind.
 */
export const RESOLVE_GONE = `
update mirror.divergence_log as log
set resolved_at = clock_timestamp(), resolved_by = 'gone'
from mirror.reconcile_runs as run
where run.id = $1::bigint
  and run.status = 'finished'
  and log.path = 'quest_completions'
  and log.resolved_at is null
  and log.kind in (
    'missing_in_postgres', 'missing_in_rtdb', 'value_mismatch', 'client_only',
    'invalid_payload', 'write_rejected', 'out_of_order'
  )
  and case
    when log.detail -> 'is_summary' is null
    then log.day between run.from_date and run.to_date and log.key is not null
    else not exists (
      select
      from mirror.divergence_log as shown
      where md5(shown.shard) = md5(log.shard)
        and shown.shard = log.shard
        and shown.path = log.path
        and shown.kind = log.kind
        and shown.id <> log.id
        and shown.resolved_at is null
    )
  end
  and ($2::text[] is null or log.shard = any ($2))
  and log.run_id is distinct from run.id
  and log.last_seen_at < run.started_at
  and not exists (
    select
    from mirror.divergence_log as standing
    where md5(standing.ref) = md5(log.ref)
      and standing.ref = log.ref
      and standing.path = log.path
      and standing.resolved_at is null
      and standing.run_id is not null
      and standing.last_seen_at >= run.started_at
  )
`;

/**
 * $1 run, $2 for how many seconds an event may be on its way before it is late. The latest of the
 * last two hours' rows but those of the couple $3, each event once; healed by itself, so resolved from the start. Lateness
 * counts from that of the fastest event: all that every event has of it is a clock that is off.
 */
export const LOG_LATE = `
with recent as materialized (
  select
    q.*,
    q.mirrored_at - q.event_time - greatest(
      min(q.mirrored_at - q.event_time) over (), interval '0'
    ) as lateness
  from rtdb.quest_completions as q
  where q.mirrored_at > clock_timestamp() - interval '2 hours'
    and q.origin = 'rtdb'
    and q.event_time > '-infinity'
    and q.couple_id <> $3
)
insert into mirror.divergence_log (
  path, ref, shard, day, key, kind, cause, severity, detected_by,
  postgres_value, detail, event_id, event_time, run_id, resolved_at
)
select
  'quest_completions', late.ref, late.couple_id, late.date_key,
  jsonb_build_object(
    'couple_id', late.couple_id, 'date_key', late.date_key,
    'quest_id', late.quest_id, 'user_id', late.user_id
  ),
  'late', 'in_flight', 'info', 'reconciler',
  late.payload,
  jsonb_build_object('lag_ms', late.lag_ms, 'mirrored_at', late.mirrored_at),
  late.event_id, late.event_time, $1::bigint, clock_timestamp()
from (
  select
    q.*,
    concat_ws(
      '/', 'daily_quests', q.couple_id, to_char(q.date_key, 'YYYY-MM-DD'),
      'completions', q.quest_id, q.user_id
    ) as ref,
    round(extract(epoch from q.lateness) * 1000) as lag_ms
  from recent as q
  where q.lateness > make_interval(secs => $2::double precision)
  order by q.lateness desc
  limit 1000
) as late
where not exists (
  select
  from mirror.divergence_log as known
  where known.ref = late.ref
    and known.path = 'quest_completions'
    and known.kind = 'late'
    and known.event_id = late.event_id
)
order by late.ref
`;

/** The second parameter of LOG_FINDINGS. */
export function findingsParameter(findings: readonly FoundDivergence[]): string {
  return JSON.stringify(
    findings.map((finding) => ({
      ref: finding.ref,
      couple_id: finding.key.coupleId,
      date_key: finding.key.dateKey,
      quest_id: finding.key.questId,
      user_id: finding.key.userId,
      kind: finding.kind,
      cause: finding.cause,
      severity: finding.severity,
      rtdb_value: finding.rtdbValue,
      postgres_value: finding.postgresValue,
      detail: finding.detail,
      event_id: finding.eventId,
      event_time: finding.eventTime,
      read_at: finding.readAt,
    })),
  );
}
