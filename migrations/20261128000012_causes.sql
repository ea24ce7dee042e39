-- Why: some causes show only over all shards of a path, or once a reading has looked at a leaf: the loss of one
-- write beyond the platform's fan-out, and what the triggers logged of a leaf that agrees by now.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- Resolves what the triggers, the API and backfills logged of leaves that a reading has found in agreement since:
-- 5,000 a call at most. A missed event stays until its cause is known, since the event may still come. What a shard's refused writes share
-- goes after all the others of its kind.
create function mirror.resolve_told(told_path text)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  resolved bigint;
begin
  with agreed as materialized (
    select log.id
    from mirror.divergence_log as log
    join mirror.readings as r on r.path = log.path and r.shard = log.shard
    where log.path = told_path
      and log.resolved_at is null
      and log.written_before is null
      and log.detected_by in ('trigger', 'api', 'backfill')
      and (log.key is not null or log.detail -> 'is_summary' = 'true' and not exists (
        select
        from mirror.divergence_log as shown
        where md5(shown.shard) = md5(log.shard)
          and shown.shard = log.shard
          and shown.path = log.path
          and shown.kind = log.kind
          and shown.id <> log.id
          and shown.resolved_at is null
      ))
      and log.kind in (
        'missed_event', 'out_of_order', 'write_rejected', 'invalid_payload', 'ancestor_overwrite',
        'missing_in_rtdb', 'value_mismatch', 'missing_in_postgres', 'column_mismatch', 'client_only'
      )
      and (log.kind <> 'missed_event' or log.cause <> 'unknown')
      and (
        r.full_at > log.last_seen_at
        or r.read_at > log.last_seen_at and case
          when log.key is null then false
          when log.day is not null then log.day >= r.read_from
          -- The row has moved, so a whole reading of keys looks at its value.
          else log.kind in ('missed_event', 'out_of_order')
        end
      )
      and not exists (
        select
        from mirror.divergence_log as standing
        where md5(standing.ref) = md5(log.ref)
          and standing.ref = log.ref
          and standing.path = log.path
          and standing.resolved_at is null
          and standing.written_before is not null
      )
      -- A row of the shard may stand for it.
      and not exists (
        select
        from mirror.divergence_log as shared
        where md5(shared.shard) = md5(log.shard)
          and shared.shard = log.shard
          and shared.path = log.path
          and shared.key is null
          and shared.kind <> 'invalid_payload'
          and shared.resolved_at is null
          and shared.written_before is not null
      )
      and not exists (
        select
        from mirror.suspects as s
        where md5(s.shard) = md5(log.shard)
          and s.path = log.path
          and md5(s.key::text) = md5(log.key::text)
          and s.shard = log.shard
      )
    order by log.id
    limit 5000
    for update of log skip locked
  )
  update mirror.divergence_log as log
  set resolved_at = clock_timestamp()
  from agreed
  where log.id = agreed.id;
  get diagnostics resolved = row_count;
  return resolved;
end
$$;

-- What events brought that were written between two instants: how many leaves, and the instants that most of them
-- share, with how many. One write has one instant, however many leaves it changes.
create function mirror.written_between(written_path text, from_at timestamptz, to_at timestamptz)
returns table (leaves bigint, instants jsonb)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  declared mirror.paths;
begin
  select p.* into strict declared from mirror.paths as p where p.path = written_path;
  return query execute format(
    'with written as (
       select q.event_time as at, count(*) as leaves
       from %s as q
       -- By when they came, which has an index.
       where q.mirrored_at > $1 and q.event_time > $1 and q.event_time <= $2
       group by q.event_time
     )
     select
       coalesce(sum(w.leaves), 0)::bigint,
       coalesce((
         select jsonb_agg(jsonb_build_object(''at'', top.at, ''leaves'', top.leaves))
         from (select * from written where leaves > 1 order by leaves desc, at limit 5) as top
       ), ''[]'')
     from written as w',
    declared.relation
  ) using from_at, to_at;
end
$$;

do $$
declare
  made regprocedure;
begin
  for made in
    select p.oid::regprocedure
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'mirror'::regnamespace
      and p.proname in ('resolve_told', 'written_between')
  loop
    execute format('revoke all on function %s from public', made);
    execute format('grant execute on function %s to quest_mirror_writer', made);
  end loop;
end
$$;
