-- Why: the copy of memory_puzzles/{coupleId}/{puzzleId}, one row for each memory game of a couple.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

create table rtdb.memory_puzzles (
  couple_id text collate "C" not null,
  puzzle_id text collate "C" not null,
  -- From the value; null where a field is missing, or holds what the type can't.
  created_by text,
  status text,
  total_pairs integer,
  matched_pairs integer,
  -- The phone's local times, which have no zone: as text, because nobody can tell the instants.
  created_at_local text,
  expires_at_local text,
  payload jsonb,
  origin text not null,
  event_id text,
  -- No default: a writer that forgot the version would win or lose by accident.
  event_time timestamptz not null,
  deleted_at timestamptz,
  tie_settled boolean not null default false,
  mirrored_at timestamptz not null default clock_timestamp(),

  constraint memory_puzzles_pkey primary key (couple_id, puzzle_id),
  constraint memory_puzzles_origin_known check (origin in ('rtdb', 'backfill', 'repair')),
  constraint memory_puzzles_tombstone_is_empty check (deleted_at is null or payload is null),
  -- RTDB's own limit on a key. Without the check a longer one may fail with 54000, which the writers
  -- would retry for a day; 23514 is permanent.
  constraint memory_puzzles_ids_within_rtdb_limit
    check (octet_length(couple_id) <= 768 and octet_length(puzzle_id) <= 768)
);

-- Reader: purge and the dashboard look for tombstones by age. Live rows never enter it.
create index memory_puzzles_tombstones on rtdb.memory_puzzles (deleted_at)
  where deleted_at is not null;

-- Reader: lag and arrivals over a recent window. Rows arrive in nearly this order.
create index memory_puzzles_mirrored_at on rtdb.memory_puzzles
  using brin (mirrored_at) with (autosummarize = on, pages_per_range = 32);

comment on table rtdb.memory_puzzles is
  'Mirror of RTDB memory_puzzles/*/*. Written by quest_mirror_writer only.';
comment on column rtdb.memory_puzzles.event_time is
  'Version of the row; -infinity for backfill rows, so that any real event wins.';
comment on column rtdb.memory_puzzles.deleted_at is
  'Tombstone: the value is gone in RTDB; kept so that a late older write cannot bring it back.';

select mirror.declare_path(
  'memory_puzzles',
  'memory_puzzles/{coupleId}/{puzzleId}',
  columns => '{created_by,status,total_pairs,matched_pairs,created_at_local,expires_at_local}',
  visible_to => '{couple}'
);
