-- Why: what no event brought is filled from RTDB by people: completions that stood before mirroring
-- or were made while it was off (backfill), and rows that differ (repair). Both give way to events.
-- Neither is granted to the functions' role: people run them as the owner.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- What a backfill was asked and how far it has come, so that it can be resumed.
create table mirror.backfills (
  id bigint generated always as identity,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  status text not null default 'running',
  config jsonb not null,
  -- The last couple, in byte order, up to which all is done.
  checkpoint text collate "C",
  couples integer not null default 0,
  leaves bigint not null default 0,
  inserted bigint not null default 0,
  rejected bigint not null default 0,
  error text,

  constraint backfills_pkey primary key (id),
  constraint backfills_status_known check (status in ('running', 'finished', 'failed')),
  constraint backfills_ended_has_time check ((status = 'running') = (finished_at is null))
);

alter table mirror.backfills enable row level security;
revoke all on mirror.backfills from public;
grant select on mirror.backfills to quest_mirror_writer;
create policy writer_select on mirror.backfills
  for select to quest_mirror_writer using (true);

-- Inserts completions where no row is, given in key order; the version -infinity lets any event win.
-- Answers how many were inserted.
create function mirror.insert_missing(completions jsonb)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  inserted bigint;
begin
  perform set_config('mirror.writer', 'on', true);
  insert into rtdb.quest_completions (
    couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_time
  )
  select
    c.couple_id, c.date_key, c.quest_id, c.user_id, c.partner_id, c.completed_at, c.payload,
    'backfill', '-infinity'
  from jsonb_to_recordset(completions) as c (
    couple_id text,
    date_key date,
    quest_id text,
    user_id text,
    partner_id text,
    completed_at timestamptz,
    payload jsonb
  )
  on conflict do nothing;
  get diagnostics inserted = row_count;
  return inserted;
end
$$;

revoke all on function mirror.insert_missing(jsonb) from public;

-- Sets rows to what RTDB holds (payload null = nothing), given in key order. Each is guarded by the
-- version that was compared, (seen_event_time, seen_event_id), null = no row: whatever wrote it since
-- knows better. The version stays, so that newer events still win and older ones still lose; without
-- the event's id, its redelivery is a tie, and RTDB decides that. Answers for each, by its n, whether
-- it was written.
create function mirror.repair_rows(completions jsonb, lock_wait text)
returns table (n integer, repaired boolean)
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
begin
  perform set_config('lock_timeout', lock_wait, true);
  perform set_config('mirror.writer', 'on', true);
  return query
  with wanted as materialized (
    select c.*
    from jsonb_to_recordset(completions) as c (
      n integer,
      couple_id text collate "C",
      date_key date,
      quest_id text collate "C",
      user_id text collate "C",
      partner_id text collate "C",
      completed_at timestamptz,
      payload jsonb,
      has_row boolean,
      seen_event_time timestamptz,
      seen_event_id text
    )
  ),
  held as materialized (
    select w.n
    from wanted as w
    cross join lateral (
      select q.event_time, q.event_id
      from rtdb.quest_completions as q
      where (q.couple_id, q.date_key, q.quest_id, q.user_id)
          = (w.couple_id, w.date_key, w.quest_id, w.user_id)
      for update
    ) as q
    where w.has_row
      and q.event_time = w.seen_event_time
      and q.event_id is not distinct from w.seen_event_id
  ),
  updated as (
    update rtdb.quest_completions as q
    set
      partner_id = coalesce(w.partner_id, q.partner_id),
      completed_at = coalesce(w.completed_at, q.completed_at),
      payload = w.payload,
      origin = 'repair',
      event_id = null,
      deleted_at = case when w.payload is null then clock_timestamp() end,
      mirrored_at = clock_timestamp()
    from wanted as w
    join held using (n)
    where (q.couple_id, q.date_key, q.quest_id, q.user_id)
      = (w.couple_id, w.date_key, w.quest_id, w.user_id)
    returning w.n
  ),
  inserted as (
    insert into rtdb.quest_completions (
      couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_time
    )
    select
      w.couple_id, w.date_key, w.quest_id, w.user_id, w.partner_id, w.completed_at, w.payload,
      'repair', '-infinity'
    from wanted as w
    where not w.has_row and w.payload is not null
    order by w.n
    on conflict do nothing
    returning couple_id, date_key, quest_id, user_id
  )
  select
    w.n,
    u.n is not null or i.couple_id is not null as repaired
  from wanted as w
  left join updated as u using (n)
  left join inserted as i using (couple_id, date_key, quest_id, user_id)
  order by w.n;
end
$$;

revoke all on function mirror.repair_rows(jsonb, text) from public;

comment on table mirror.backfills is 'What each backfill read and inserted, and how far it came.';
