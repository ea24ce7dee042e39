-- Why: the pilot. The copy of daily_quests/{coupleId}/{dateKey}/completions/{questId}/{userId}, one row a
-- completion, live or tombstone; and what only completions have: claims of old phones.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

create table rtdb.quest_completions (
  -- collate "C" is byte order: the reconciler merges this order with the one it sorts RTDB into,
  -- and the writers lock their rows in it.
  couple_id text collate "C" not null,
  date_key date not null,
  quest_id text collate "C" not null,
  user_id text collate "C" not null,
  partner_id text collate "C",
  completed_at timestamptz not null,
  payload jsonb,
  origin text not null,
  event_id text,
  -- No default: a writer that forgot the version would win or lose by accident.
  event_time timestamptz not null,
  deleted_at timestamptz,
  client_claimed_at timestamptz,
  tie_settled boolean not null default false,
  -- Not now(): that is the start of the transaction, and lag is measured from this.
  mirrored_at timestamptz not null default clock_timestamp(),

  -- Quest ids are made on the phone and unique only within a couple's day, hence all four.
  constraint quest_completions_pkey primary key (couple_id, date_key, quest_id, user_id),
  constraint quest_completions_origin_known
    check (origin in ('rtdb', 'client', 'backfill', 'repair')),
  constraint quest_completions_tombstone_has_no_payload
    check (deleted_at is null or payload is null),
  -- RTDB's own limit on a key. Three of them fit an index entry (2,704 bytes). Without the check
  -- a longer one fails with 54000, which the writers would retry for a day; 23514 is permanent.
  constraint quest_completions_ids_within_rtdb_limit
    check (
      octet_length(couple_id) <= 768
      and octet_length(quest_id) <= 768
      and octet_length(user_id) <= 768
      and octet_length(partner_id) <= 768
    )
);

-- Every index is paid for by every mirrored write, so each names its reader.

-- Reader: purge and the dashboard look for tombstones by age. Live rows never enter it.
create index quest_completions_tombstones on rtdb.quest_completions (deleted_at)
  where deleted_at is not null;

-- Reader: lag over a recent window (dashboard, report). Rows arrive in nearly this order, so a
-- BRIN of a few pages does, and costs a write next to nothing. Autosummarize, because pages that
-- no vacuum has summarised yet are read by every query.
create index quest_completions_mirrored_at on rtdb.quest_completions
  using brin (mirrored_at) with (autosummarize = on, pages_per_range = 32);

comment on table rtdb.quest_completions is
  'Mirror of RTDB daily_quests/*/*/completions. Written by quest_mirror_writer only.';
comment on column rtdb.quest_completions.event_time is
  'Version of the row; -infinity for client and backfill rows, so that any real event wins.';
comment on column rtdb.quest_completions.deleted_at is
  'Tombstone: the leaf is gone in RTDB; kept so that a late older write cannot bring it back.';
comment on column rtdb.quest_completions.client_claimed_at is
  'When an old app last claimed this completion over the API: a witness besides RTDB.';

select mirror.declare_path(
  'quest_completions',
  'daily_quests/{coupleId}/{dateKey}/completions/{questId}/{userId}',
  columns => '{partner_id,completed_at}',
  visible_to => '{user_id,partner_id}'
);

-- ---------------------------------------------------------------------------------------------------
-- Old app versions send their second write over HTTP. It is a witness beside RTDB, never its rival: it
-- may fill a gap, and any event wins over what it wrote.

create policy quest_mirror_api on rtdb.quest_completions for select to quest_mirror_api using (true);
-- What only an event may say can't be said by a claim.
create policy quest_mirror_api_claim on rtdb.quest_completions for insert to quest_mirror_api
  with check (origin = 'client' and event_time = '-infinity');
create policy quest_mirror_api_note on rtdb.quest_completions for update to quest_mirror_api
  using (true) with check (true);
grant select, insert, update (client_claimed_at) on rtdb.quest_completions to quest_mirror_api;

-- Without a limit one user's rows, and the divergences that they cause, would grow as they please.
create table mirror.client_claims (
  user_id text collate "C" not null,
  -- Of the server's clock, in UTC.
  day date not null,
  claims integer not null,

  constraint client_claims_pkey primary key (user_id, day),
  constraint client_claims_not_negative check (claims >= 0)
);

grant select, insert, update on mirror.client_claims to quest_mirror_writer, quest_mirror_api;
grant select on mirror.client_claims to quest_mirror_reader;
select mirror.guard(
  'mirror.client_claims', array['quest_mirror_writer', 'quest_mirror_api', 'quest_mirror_reader']
);

comment on table mirror.client_claims is
  'How many claims a user made on a day that changed something. Purged after two days.';

-- Takes an old phone's claim that a completion was made. Inserts only where no row is; where one is,
-- live or tombstone, it only notes that a claim came. Answers `applied` for an insert, `duplicate`
-- for a row that is there, `limited` beyond 100 claims a user a day, `erased` where the key holds the id of somebody
-- who was erased. A claim that is repeated writes
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
  -- What waits for this lock is seen from here on (mirror.await_writers).
  lock table rtdb.quest_completions in row exclusive mode;
  if mirror.is_erased(claimed_couple, array[claimed_quest, claimed_user]) then
    return 'erased';
  end if;
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
  to quest_mirror_writer, quest_mirror_api;
