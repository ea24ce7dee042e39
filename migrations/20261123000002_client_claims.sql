-- Why: old app versions send a second write over HTTP. It is a witness beside RTDB, never its rival: it
-- may fill a gap, and any event wins over what it wrote.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- Without a limit one user's rows, and the divergences that they cause, would grow as they please.
create table mirror.client_claims (
  user_id text collate "C" not null,
  -- Of the server's clock, in UTC.
  day date not null,
  claims integer not null,

  constraint client_claims_pkey primary key (user_id, day),
  constraint client_claims_not_negative check (claims >= 0)
);

alter table mirror.client_claims enable row level security;
revoke all on mirror.client_claims from public;
grant select, insert, update on mirror.client_claims to quest_mirror_writer;
create policy writer_select on mirror.client_claims
  for select to quest_mirror_writer using (true);
create policy writer_insert on mirror.client_claims
  for insert to quest_mirror_writer with check (true);
create policy writer_update on mirror.client_claims
  for update to quest_mirror_writer using (true) with check (true);

comment on table mirror.client_claims is
  'How many claims a user made on a day that changed something. Purged after two days.';

-- Takes an old phone's claim that a completion was made. Inserts only where no row is; where one is,
-- live or tombstone, it only notes that a claim came. Answers `applied` for an insert, `duplicate`
-- for a row that is there, `limited` beyond 100 claims a user a day. A claim that is repeated writes
-- and counts nothing, and so does one beyond the limit: it waits for nobody. Safe to run twice at once:
-- the count's row makes a user's claims wait for each other.
create function mirror.claim_by_client(
  claimed_couple text,
  claimed_date date,
  claimed_quest text,
  claimed_user text,
  claimed_partner text,
  claimed_at timestamptz,
  lock_wait text
)
returns text
language plpgsql
set search_path = ''
as $$
declare
  -- Named in full: temporary types come first, whatever the search_path.
  today constant pg_catalog.date := (clock_timestamp() at time zone 'UTC')::pg_catalog.date;
begin
  perform set_config('lock_timeout', lock_wait, true);
  perform set_config('mirror.writer', 'on', true);
  if exists (
    select
    from rtdb.quest_completions as q
    where (q.couple_id, q.date_key, q.quest_id, q.user_id)
        = (claimed_couple, claimed_date, claimed_quest, claimed_user)
      and q.client_claimed_at is not null
  ) then
    return 'duplicate';
  end if;
  if exists (
    select
    from mirror.client_claims as c
    where c.user_id = claimed_user and c.day = today and c.claims >= 100
  ) then
    return 'limited';
  end if;
  insert into mirror.client_claims as c (user_id, day, claims)
  values (claimed_user, today, 1)
  on conflict (user_id, day) do update set claims = c.claims + 1 where c.claims < 100;
  if not found then
    return 'limited';
  end if;
  insert into rtdb.quest_completions (
    couple_id, date_key, quest_id, user_id, partner_id,
    completed_at, payload, origin, event_time, client_claimed_at
  )
  values (
    claimed_couple, claimed_date, claimed_quest, claimed_user, claimed_partner,
    -- What the app writes to RTDB for a completion; the claim itself brings no value.
    claimed_at, 'true', 'client', '-infinity', clock_timestamp()
  )
  on conflict do nothing;
  if found then
    return 'applied';
  end if;
  update rtdb.quest_completions as q
  set client_claimed_at = clock_timestamp()
  where (q.couple_id, q.date_key, q.quest_id, q.user_id)
      = (claimed_couple, claimed_date, claimed_quest, claimed_user)
    and q.client_claimed_at is null;
  if not found then
    -- The same claim came twice at once, and this one waited for the other.
    update mirror.client_claims as c
    set claims = c.claims - 1
    where c.user_id = claimed_user and c.day = today and c.claims > 0;
  end if;
  return 'duplicate';
end
$$;

revoke all on function mirror.claim_by_client(text, date, text, text, text, timestamptz, text)
  from public;
grant execute on function mirror.claim_by_client(text, date, text, text, text, timestamptz, text)
  to quest_mirror_writer;
