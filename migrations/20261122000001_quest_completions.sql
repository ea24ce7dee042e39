-- Why: the copy of every quest completion that Postgres readers use. One row a leaf of
-- daily_quests/{coupleId}/{dateKey}/completions/{questId}/{userId}, live or tombstone.
-- Columns and meanings are a contract: docs/tables.md.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

create schema if not exists rtdb;

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

-- Closed from the first moment; the policies come with the roles, in the access migration.
alter table rtdb.quest_completions enable row level security;

comment on table rtdb.quest_completions is
  'Mirror of RTDB daily_quests/*/*/completions. Written by quest_mirror_writer only.';
comment on column rtdb.quest_completions.event_time is
  'Version of the row; -infinity for client and backfill rows, so that any real event wins.';
comment on column rtdb.quest_completions.deleted_at is
  'Tombstone: the leaf is gone in RTDB; kept so that a late older write cannot bring it back.';
comment on column rtdb.quest_completions.client_claimed_at is
  'When an old app last claimed this completion over the API: a witness besides RTDB.';
