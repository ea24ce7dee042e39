-- Why: the copy of quiz_sessions/{coupleId}/{sessionId}, one row for each quiz that a couple plays.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

create table rtdb.quiz_sessions (
  couple_id text collate "C" not null,
  session_id text collate "C" not null,
  -- From the value; null where a field is missing, or holds what the type can't.
  status text,
  format_type text,
  initiated_by text,
  subject_user_id text,
  is_daily_quest boolean,
  created_at timestamptz,
  expires_at timestamptz,
  completed_at timestamptz,
  match_percentage integer,
  alignment_matches integer,
  lp_earned integer,
  payload jsonb,
  origin text not null,
  event_id text,
  -- No default: a writer that forgot the version would win or lose by accident.
  event_time timestamptz not null,
  deleted_at timestamptz,
  tie_settled boolean not null default false,
  mirrored_at timestamptz not null default clock_timestamp(),

  constraint quiz_sessions_pkey primary key (couple_id, session_id),
  constraint quiz_sessions_origin_known check (origin in ('rtdb', 'backfill', 'repair')),
  constraint quiz_sessions_tombstone_is_empty check (deleted_at is null or payload is null),
  -- RTDB's own limit on a key. Without the check a longer one may fail with 54000, which the writers
  -- would retry for a day; 23514 is permanent.
  constraint quiz_sessions_ids_within_rtdb_limit
    check (octet_length(couple_id) <= 768 and octet_length(session_id) <= 768)
);

-- Reader: purge and the dashboard look for tombstones by age. Live rows never enter it.
create index quiz_sessions_tombstones on rtdb.quiz_sessions (deleted_at)
  where deleted_at is not null;

-- Reader: lag and arrivals over a recent window. Rows arrive in nearly this order.
create index quiz_sessions_mirrored_at on rtdb.quiz_sessions
  using brin (mirrored_at) with (autosummarize = on, pages_per_range = 32);

comment on table rtdb.quiz_sessions is
  'Mirror of RTDB quiz_sessions/*/*. Written by quest_mirror_writer only.';
comment on column rtdb.quiz_sessions.event_time is
  'Version of the row; -infinity for backfill rows, so that any real event wins.';
comment on column rtdb.quiz_sessions.deleted_at is
  'Tombstone: the value is gone in RTDB; kept so that a late older write cannot bring it back.';

select mirror.declare_path(
  'quiz_sessions',
  'quiz_sessions/{coupleId}/{sessionId}',
  columns => '{
    status, format_type, initiated_by, subject_user_id, is_daily_quest, created_at, expires_at,
    completed_at, match_percentage, alignment_matches, lp_earned
  }',
  visible_to => '{couple}'
);

-- One row for each question of a quiz and user, with the options that the user chose and predicted.
create view rtdb.quiz_session_answers with (security_invoker = true) as
select
  session.couple_id,
  session.session_id,
  choice.user_id,
  choice.item_key,
  choice.place,
  mirror.text_of(question.item) as question_id,
  choice.answer,
  choice.prediction
from rtdb.quiz_sessions as session
cross join lateral (
  select
    by_user.key as user_id,
    chosen.key as item_key,
    chosen.place,
    max(mirror.integer_of(chosen.item)) filter (where field.name = 'answers') as answer,
    max(mirror.integer_of(chosen.item)) filter (where field.name = 'predictions') as prediction
  from (values ('answers'), ('predictions')) as field (name)
  cross join lateral mirror.items(session.payload -> field.name) as by_user
  cross join lateral mirror.items(by_user.item) as chosen
  group by by_user.key, chosen.key, chosen.place
) as choice
left join lateral mirror.items(session.payload -> 'questionIds') as question
  on question.key = choice.item_key
where session.deleted_at is null;

select mirror.share_view('rtdb.quiz_session_answers');

comment on view rtdb.quiz_session_answers is
  'Answers and predictions of the quizzes: one row for each question and user.';
