-- Why: the copy of lp_awards/{coupleId}/{awardId}, one row for each award of love points to a couple. Both
-- phones write it, under one key.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

create table rtdb.lp_awards (
  couple_id text collate "C" not null,
  award_id text collate "C" not null,
  -- From the value; null where a field is missing, or holds what the type can't.
  amount integer,
  multiplier integer,
  reason text,
  related_id text,
  awarded_at timestamptz,
  payload jsonb,
  origin text not null,
  event_id text,
  -- No default: a writer that forgot the version would win or lose by accident.
  event_time timestamptz not null,
  deleted_at timestamptz,
  tie_settled boolean not null default false,
  mirrored_at timestamptz not null default clock_timestamp(),

  constraint lp_awards_pkey primary key (couple_id, award_id),
  constraint lp_awards_origin_known check (origin in ('rtdb', 'backfill', 'repair')),
  constraint lp_awards_tombstone_is_empty check (deleted_at is null or payload is null),
  -- RTDB's own limit on a key. Without the check a longer one may fail with 54000, which the writers
  -- would retry for a day; 23514 is permanent.
  constraint lp_awards_ids_within_rtdb_limit
    check (octet_length(couple_id) <= 768 and octet_length(award_id) <= 768)
);

-- Reader: purge and the dashboard look for tombstones by age. Live rows never enter it.
create index lp_awards_tombstones on rtdb.lp_awards (deleted_at)
  where deleted_at is not null;

-- Reader: lag and arrivals over a recent window. Rows arrive in nearly this order.
create index lp_awards_mirrored_at on rtdb.lp_awards
  using brin (mirrored_at) with (autosummarize = on, pages_per_range = 32);

comment on table rtdb.lp_awards is
  'Mirror of RTDB lp_awards/*/*. Written by quest_mirror_writer only.';
comment on column rtdb.lp_awards.event_time is
  'Version of the row; -infinity for backfill rows, so that any real event wins.';
comment on column rtdb.lp_awards.deleted_at is
  'Tombstone: the value is gone in RTDB; kept so that a late older write cannot bring it back.';

select mirror.declare_path(
  'lp_awards',
  'lp_awards/{coupleId}/{awardId}',
  columns => '{amount,multiplier,reason,related_id,awarded_at}',
  visible_to => '{couple}'
);
