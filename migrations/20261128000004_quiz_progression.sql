-- Why: the copy of quiz_progression/{coupleId}, one row for each couple: how far it is in the quizzes.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

create table rtdb.quiz_progression (
  couple_id text collate "C" not null,
  -- From the value; null where a field is missing, or holds what the type can't.
  current_track integer,
  current_position integer,
  total_quizzes_completed integer,
  has_completed_all_tracks boolean,
  created_at timestamptz,
  last_completed_at timestamptz,
  payload jsonb,
  origin text not null,
  event_id text,
  -- No default: a writer that forgot the version would win or lose by accident.
  event_time timestamptz not null,
  deleted_at timestamptz,
  tie_settled boolean not null default false,
  mirrored_at timestamptz not null default clock_timestamp(),

  constraint quiz_progression_pkey primary key (couple_id),
  constraint quiz_progression_origin_known check (origin in ('rtdb', 'backfill', 'repair')),
  constraint quiz_progression_tombstone_is_empty check (deleted_at is null or payload is null),
  -- RTDB's own limit on a key. Without the check a longer one may fail with 54000, which the writers
  -- would retry for a day; 23514 is permanent.
  constraint quiz_progression_ids_within_rtdb_limit
    check (octet_length(couple_id) <= 768)
);

-- Reader: purge and the dashboard look for tombstones by age. Live rows never enter it.
create index quiz_progression_tombstones on rtdb.quiz_progression (deleted_at)
  where deleted_at is not null;

-- Reader: lag and arrivals over a recent window. Rows arrive in nearly this order.
create index quiz_progression_mirrored_at on rtdb.quiz_progression
  using brin (mirrored_at) with (autosummarize = on, pages_per_range = 32);

comment on table rtdb.quiz_progression is
  'Mirror of RTDB quiz_progression/*. Written by quest_mirror_writer only.';
comment on column rtdb.quiz_progression.event_time is
  'Version of the row; -infinity for backfill rows, so that any real event wins.';
comment on column rtdb.quiz_progression.deleted_at is
  'Tombstone: the value is gone in RTDB; kept so that a late older write cannot bring it back.';

select mirror.declare_path(
  'quiz_progression',
  'quiz_progression/{coupleId}',
  columns => '{
    current_track, current_position, total_quizzes_completed, has_completed_all_tracks, created_at,
    last_completed_at
  }',
  visible_to => '{couple}'
);
