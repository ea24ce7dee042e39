-- Why: the flag is seen to change by many instances, and by each a little later. What they see becomes
-- one interval for each time that it was off, or on for a part of the couples.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- Rows to lock. An advisory lock can be held by any login, this by the mirror's own alone.
create table mirror.locks (
  name text not null,

  constraint locks_pkey primary key (name)
);

alter table mirror.locks enable row level security;
revoke all on mirror.locks from public;
grant select, insert, update on mirror.locks to quest_mirror_writer;
create policy writer_select on mirror.locks
  for select to quest_mirror_writer using (true);
create policy writer_insert on mirror.locks
  for insert to quest_mirror_writer with check (true);
create policy writer_update on mirror.locks
  for update to quest_mirror_writer using (true) with check (true);

comment on table mirror.locks is 'What is done by one at a time locks its row here.';

-- Notes in mirror.coverage what an instance sees of the flag: `on`, `off` or `percent`. Opens the
-- interval of what is seen, unless one is open, and closes the other one. Safe to repeat and to run
-- twice at once.
--   seen_since    since when it may have been so
--   off_since     where this instance saw it off until now: since when. Recorded if nobody else did
--   seen_version  of Remote Config's template, 0 = of none; what is seen of an older one than was noted
--                 is late, and undoes nothing
-- An interval ends a minute after it was seen to be over: until then others may not have looked.
create function mirror.note_flag(
  seen text,
  seen_since timestamptz,
  off_since timestamptz,
  seen_version bigint,
  evidence jsonb
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  wanted text := case seen when 'off' then 'flag_off' when 'percent' then 'percent' end;
  over_at timestamptz := clock_timestamp() + interval '61 seconds';
  noted jsonb := evidence || jsonb_build_object('version', seen_version);
begin
  -- One at a time: what follows looks before it writes.
  insert into mirror.locks (name) values ('note_flag') on conflict do nothing;
  perform from mirror.locks as l where l.name = 'note_flag' for update;
  if seen_version > 0 and exists (
    select
    from mirror.coverage as c
    where c.reason in ('flag_off', 'percent')
      and greatest(
        (c.detail ->> 'version')::bigint,
        (c.detail ->> 'over_by_version')::bigint
      ) > seen_version
  ) then
    return;
  end if;
  if off_since is not null and not exists (
    select
    from mirror.coverage as c
    where c.reason = 'flag_off' and coalesce(c.to_at, 'infinity') >= off_since
  ) then
    insert into mirror.coverage (from_at, to_at, reason, detail)
    values (off_since, greatest(off_since, over_at), 'flag_off', noted);
  end if;
  if wanted is not null and not exists (
    select
    from mirror.coverage as c
    where c.reason = wanted and c.to_at is null
  ) then
    insert into mirror.coverage (from_at, reason, detail)
    values (seen_since, wanted, noted);
  end if;
  update mirror.coverage as c
  set
    to_at = greatest(c.from_at, over_at),
    detail = coalesce(c.detail, '{}') || jsonb_build_object('over_by_version', seen_version)
  where c.reason in ('flag_off', 'percent')
    and c.reason is distinct from wanted
    and c.to_at is null;
end
$$;

revoke all on function mirror.note_flag(text, timestamptz, timestamptz, bigint, jsonb) from public;
grant execute on function mirror.note_flag(text, timestamptz, timestamptz, bigint, jsonb)
  to quest_mirror_writer;
