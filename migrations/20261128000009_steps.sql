-- Why: the copy of steps_data/{coupleId}/days/{dateKey}, one row for each day of a couple.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

create table rtdb.steps (
  couple_id text collate "C" not null,
  date_key date not null,
  -- From the value; null where a field is missing, or holds what the type can't.
  goal integer,
  claimed boolean,
  claimed_by text,
  claimed_at timestamptz,
  updated_at timestamptz,
  lp_earned integer,
  payload jsonb,
  origin text not null,
  event_id text,
  -- No default: a writer that forgot the version would win or lose by accident.
  event_time timestamptz not null,
  deleted_at timestamptz,
  tie_settled boolean not null default false,
  mirrored_at timestamptz not null default clock_timestamp(),

  constraint steps_pkey primary key (couple_id, date_key),
  constraint steps_origin_known check (origin in ('rtdb', 'backfill', 'repair')),
  constraint steps_tombstone_is_empty check (deleted_at is null or payload is null),
  -- RTDB's own limit on a key. Without the check a longer one may fail with 54000, which the writers
  -- would retry for a day; 23514 is permanent.
  constraint steps_ids_within_rtdb_limit
    check (octet_length(couple_id) <= 768)
);

-- Reader: purge and the dashboard look for tombstones by age. Live rows never enter it.
create index steps_tombstones on rtdb.steps (deleted_at)
  where deleted_at is not null;

-- Reader: lag and arrivals over a recent window. Rows arrive in nearly this order.
create index steps_mirrored_at on rtdb.steps
  using brin (mirrored_at) with (autosummarize = on, pages_per_range = 32);

comment on table rtdb.steps is
  'Mirror of RTDB steps_data/*/days/*. Written by quest_mirror_writer only.';
comment on column rtdb.steps.event_time is
  'Version of the row; -infinity for backfill rows, so that any real event wins.';
comment on column rtdb.steps.deleted_at is
  'Tombstone: the value is gone in RTDB; kept so that a late older write cannot bring it back.';

select mirror.declare_path(
  'steps',
  'steps_data/{coupleId}/days/{dateKey}',
  columns => '{goal,claimed,claimed_by,claimed_at,updated_at,lp_earned}',
  visible_to => '{couple}'
);

-- One row for each user and day. last_sync_local is the phone's local time, which has no zone.
create view rtdb.steps_by_user with (security_invoker = true) as
select
  day.couple_id,
  day.date_key,
  by_user.key as user_id,
  mirror.integer_of(by_user.item -> 'steps') as steps,
  mirror.text_of(by_user.item -> 'lastSync') as last_sync_local,
  mirror.text_of(by_user.item -> 'source') as source
from rtdb.steps as day
cross join lateral mirror.items(day.payload -> 'users') as by_user
where day.deleted_at is null;

select mirror.share_view('rtdb.steps_by_user');

comment on view rtdb.steps_by_user is 'The steps of each day: one row for each user.';
