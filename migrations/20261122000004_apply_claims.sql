-- Why: the one place that decides which write of a completion wins. A function, because a pooler in
-- transaction mode takes no named statements, and planning this statement anew costs more than
-- running it; plpgsql keeps its plan on the server's side.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- When mirroring began: only a leaf of a day up to then can have stood before it.
create table mirror.beginning (
  began_on date not null default current_date,
  is_only boolean not null default true,

  constraint beginning_pkey primary key (is_only),
  constraint beginning_is_one_row check (is_only)
);

insert into mirror.beginning default values;

alter table mirror.beginning enable row level security;
revoke all on mirror.beginning from public;
grant select on mirror.beginning to quest_mirror_writer;
create policy writer_select on mirror.beginning
  for select to quest_mirror_writer using (true);

comment on table mirror.beginning is 'The day on which mirroring began, for causes of divergence.';

-- Upserts a batch of claims about completions, at most one for each row, given in key order.
--
-- A claim is the state of one leaf at one version, (event_time, event_id); payload null = not
-- completed. Answers for each claim, by its n:
--   verdict       applied, duplicate (the row shows it), stale (the row is newer), tied (another
--                 event of this instant brought another state), contended (see `held`)
--   lag_ms        from the write in RTDB until now
--   missed_event  an event before this one did not arrive (not: the leaf is older than the mirror)
--   row_event_id  the event that the row showed before
--   row_payload, behind_ms  what a stale claim lost against, and by how much
--
-- A row that someone else has locked must not hold up all others on the connection: after lock_wait,
-- such as '500ms', the call fails with SQLSTATE 55P03.
create function mirror.apply_claims(claims jsonb, lock_wait text)
returns table (
  n integer,
  verdict text,
  lag_ms double precision,
  missed_event boolean,
  row_event_id text,
  row_payload jsonb,
  behind_ms double precision
)
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
begin
  perform set_config('lock_timeout', lock_wait, true);
  -- Tells the mirror's own writes from direct ones.
  perform set_config('mirror.writer', 'on', true);
  return query
  with claim as materialized (
    select c.*
    from jsonb_to_recordset(claims) as c (
      n integer,
      ref text,
      couple_id text collate "C",
      date_key date,
      quest_id text collate "C",
      user_id text collate "C",
      partner_id text collate "C",
      completed_at timestamptz,
      payload jsonb,
      event_id text,
      event_time timestamptz,
      before_known boolean,
      before_payload jsonb,
      settles_tie boolean,
      detail jsonb
    )
  ),
  -- Locks the rows that exist, in key order, as every writer does: no deadlocks. Under READ COMMITTED
  -- it returns what a concurrent writer left, not what the snapshot saw. Lateral, so that it is an
  -- index lookup for each claim whatever the planner thinks of the table's size. A row that someone
  -- inserts after the snapshot is not here; then the insert does nothing: contended.
  held as materialized (
    select c.n, q.*
    from claim as c
    cross join lateral (
      select q.origin, q.payload, q.event_id, q.event_time, q.mirrored_at
      from public.quest_completions as q
      where (q.couple_id, q.date_key, q.quest_id, q.user_id)
          = (c.couple_id, c.date_key, c.quest_id, c.user_id)
      for update
    ) as q
  ),
  judged as materialized (
    select
      c.*,
      h.origin as held_origin,
      h.payload as held_payload,
      h.event_id as held_event_id,
      h.event_time as held_event_time,
      h.mirrored_at as held_mirrored_at,
      case
        when h.n is null then 'insert'
        when h.event_id = c.event_id then 'duplicate'
        when h.event_time > c.event_time then 'stale'
        when h.event_time < c.event_time then 'update'
        when h.payload is not distinct from c.payload then 'duplicate'
        when c.settles_tie then 'update'
        else 'tied'
      end as action
    from claim as c
    left join held as h using (n)
  ),
  inserted as (
    insert into public.quest_completions (
      couple_id, date_key, quest_id, user_id, partner_id,
      completed_at, payload, origin, event_id, event_time, deleted_at
    )
    select
      couple_id, date_key, quest_id, user_id, partner_id,
      completed_at, payload, 'rtdb', event_id, event_time,
      case when payload is null then event_time end
    from judged
    where action = 'insert'
    order by n
    on conflict do nothing
    returning couple_id, date_key, quest_id, user_id
  ),
  updated as (
    update public.quest_completions as q
    set
      partner_id = j.partner_id,
      -- A tombstone keeps the time of the completion that it buries.
      completed_at = case when j.payload is null then q.completed_at else j.completed_at end,
      payload = j.payload,
      -- A tie is settled by reading RTDB again, as a repair does.
      origin = case when j.settles_tie then 'repair' else 'rtdb' end,
      event_id = j.event_id,
      event_time = j.event_time,
      deleted_at = case when j.payload is null then j.event_time end,
      mirrored_at = clock_timestamp()
    from judged as j
    where j.action = 'update'
      and (q.couple_id, q.date_key, q.quest_id, q.user_id)
        = (j.couple_id, j.date_key, j.quest_id, j.user_id)
  ),
  settled as materialized (
    select
      j.*,
      case
        when j.action = 'update' then 'applied'
        when j.action <> 'insert' then j.action
        when i.couple_id is null then 'contended'
        else 'applied'
      end as verdict,
      -- The write began from another state than the row shows: an event before it is missing. A row
      -- that was read (backfill, repair, a settled tie) may be ahead of the writes before the
      -- reading, and a client's row is no witness of RTDB at all.
      j.before_known
        and not j.settles_tie
        and j.before_payload is distinct from j.held_payload
        and j.held_origin is distinct from 'client'
        and (coalesce(j.held_origin, 'rtdb') = 'rtdb' or j.event_time > j.held_mirrored_at)
        as is_gap,
      -- The phone's date may be a day ahead of the server's.
      j.held_event_time is null
        and j.date_key <= (select b.began_on + 1 from mirror.beginning as b)
        as is_older_than_mirror
    from judged as j
    left join inserted as i using (couple_id, date_key, quest_id, user_id)
  ),
  -- In the same statement: afterwards the row shows nothing of the gap, and a crash in between would
  -- lose it, since the event's redelivery is only a duplicate.
  logged as (
    insert into mirror.divergence_log as log (
      ref, couple_id, date_key, quest_id, user_id, kind, cause, severity, detected_by,
      rtdb_value, postgres_value, detail, event_id, event_time
    )
    select
      ref, couple_id, date_key, quest_id, user_id,
      'missed_event',
      case when is_older_than_mirror then 'before_mirroring' else 'unknown' end,
      case when is_older_than_mirror then 'info' else 'warning' end,
      'trigger',
      before_payload,
      held_payload,
      detail || jsonb_build_object(
        'row_event_id', held_event_id,
        'row_origin', held_origin,
        -- What would fill the gap: writes that lead from one state to the other in between.
        'gaps', jsonb_build_array(jsonb_build_object(
          'from_value', held_payload, 'from_time', coalesce(held_event_time, '-infinity'),
          'to_value', before_payload, 'to_time', event_time
        ))
      ),
      event_id,
      event_time
    from settled
    where verdict = 'applied' and is_gap
    order by n
    on conflict (md5(ref), kind) where resolved_at is null do update
    set
      times_seen = log.times_seen + 1,
      last_seen_at = excluded.last_seen_at,
      -- A gap that someone should look at is not played down by one that is explained.
      cause = case when excluded.severity = 'info' then log.cause else excluded.cause end,
      severity = case when excluded.severity = 'info' then log.severity else excluded.severity end,
      rtdb_value = excluded.rtdb_value,
      postgres_value = excluded.postgres_value,
      detail = excluded.detail || jsonb_build_object(
        'gaps', coalesce(log.detail -> 'gaps', '[]'::jsonb) || (excluded.detail -> 'gaps')
      ),
      event_id = excluded.event_id,
      event_time = excluded.event_time
  )
  select
    n,
    verdict,
    (extract(epoch from clock_timestamp() - event_time) * 1000)::double precision as lag_ms,
    verdict = 'applied' and is_gap and not is_older_than_mirror as missed_event,
    held_event_id as row_event_id,
    case when verdict = 'stale' then held_payload end as row_payload,
    case
      when verdict = 'stale'
      then (extract(epoch from held_event_time - event_time) * 1000)::double precision
    end as behind_ms
  from settled;
end
$$;

revoke all on function mirror.apply_claims(jsonb, text) from public;
grant execute on function mirror.apply_claims(jsonb, text) to quest_mirror_writer;
