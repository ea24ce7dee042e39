-- Why: the copy of daily_quests/{coupleId}/{dateKey}/quests, one row for each day of a couple, with the
-- list of its quests. Beside the list RTDB has completions, a path of their own, and fields that nobody
-- mirrors.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

create table rtdb.daily_quests (
  couple_id text collate "C" not null,
  date_key date not null,
  -- From the value; null where a field is missing, or holds what the type can't.
  quest_count integer,
  payload jsonb,
  origin text not null,
  event_id text,
  -- No default: a writer that forgot the version would win or lose by accident.
  event_time timestamptz not null,
  deleted_at timestamptz,
  tie_settled boolean not null default false,
  mirrored_at timestamptz not null default clock_timestamp(),

  constraint daily_quests_pkey primary key (couple_id, date_key),
  constraint daily_quests_origin_known check (origin in ('rtdb', 'backfill', 'repair')),
  constraint daily_quests_tombstone_is_empty check (deleted_at is null or payload is null),
  -- RTDB's own limit on a key. Without the check a longer one may fail with 54000, which the writers
  -- would retry for a day; 23514 is permanent.
  constraint daily_quests_ids_within_rtdb_limit
    check (octet_length(couple_id) <= 768)
);

-- Reader: purge and the dashboard look for tombstones by age. Live rows never enter it.
create index daily_quests_tombstones on rtdb.daily_quests (deleted_at)
  where deleted_at is not null;

-- Reader: lag and arrivals over a recent window. Rows arrive in nearly this order.
create index daily_quests_mirrored_at on rtdb.daily_quests
  using brin (mirrored_at) with (autosummarize = on, pages_per_range = 32);

comment on table rtdb.daily_quests is
  'Mirror of RTDB daily_quests/*/*/quests. Written by quest_mirror_writer only.';
comment on column rtdb.daily_quests.event_time is
  'Version of the row; -infinity for backfill rows, so that any real event wins.';
comment on column rtdb.daily_quests.deleted_at is
  'Tombstone: the value is gone in RTDB; kept so that a late older write cannot bring it back.';

select mirror.declare_path(
  'daily_quests',
  'daily_quests/{coupleId}/{dateKey}/quests',
  columns => '{quest_count}',
  visible_to => '{couple}'
);

-- One row for each quest of a day; the app orders them by sort_order.
create view rtdb.daily_quest_items with (security_invoker = true) as
select
  day.couple_id,
  day.date_key,
  quest.key as item_key,
  quest.place,
  mirror.text_of(quest.item -> 'id') as quest_id,
  mirror.text_of(quest.item -> 'contentId') as content_id,
  mirror.integer_of(quest.item -> 'questType') as quest_type,
  mirror.integer_of(quest.item -> 'sortOrder') as sort_order,
  mirror.boolean_of(quest.item -> 'isSideQuest') as is_side_quest,
  mirror.text_of(quest.item -> 'formatType') as format_type,
  mirror.text_of(quest.item -> 'quizName') as quiz_name
from rtdb.daily_quests as day
cross join lateral mirror.items(day.payload) as quest
where day.deleted_at is null;

select mirror.share_view('rtdb.daily_quest_items');

comment on view rtdb.daily_quest_items is 'The quests of each day: one row for each.';
