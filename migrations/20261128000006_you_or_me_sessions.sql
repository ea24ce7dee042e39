-- Why: the copy of you_or_me_sessions/{coupleId}/{sessionId}, one row for each you-or-me game of a couple.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

create table rtdb.you_or_me_sessions (
  couple_id text collate "C" not null,
  session_id text collate "C" not null,
  -- From the value; null where a field is missing, or holds what the type can't.
  user_id text,
  partner_id text,
  initiated_by text,
  subject_user_id text,
  status text,
  is_completed boolean,
  created_at timestamptz,
  completed_at timestamptz,
  lp_earned integer,
  payload jsonb,
  origin text not null,
  event_id text,
  -- No default: a writer that forgot the version would win or lose by accident.
  event_time timestamptz not null,
  deleted_at timestamptz,
  tie_settled boolean not null default false,
  mirrored_at timestamptz not null default clock_timestamp(),

  constraint you_or_me_sessions_pkey primary key (couple_id, session_id),
  constraint you_or_me_sessions_origin_known check (origin in ('rtdb', 'backfill', 'repair')),
  constraint you_or_me_sessions_tombstone_is_empty check (deleted_at is null or payload is null),
  -- RTDB's own limit on a key. Without the check a longer one may fail with 54000, which the writers
  -- would retry for a day; 23514 is permanent.
  constraint you_or_me_sessions_ids_within_rtdb_limit
    check (octet_length(couple_id) <= 768 and octet_length(session_id) <= 768)
);

-- Reader: purge and the dashboard look for tombstones by age. Live rows never enter it.
create index you_or_me_sessions_tombstones on rtdb.you_or_me_sessions (deleted_at)
  where deleted_at is not null;

-- Reader: lag and arrivals over a recent window. Rows arrive in nearly this order.
create index you_or_me_sessions_mirrored_at on rtdb.you_or_me_sessions
  using brin (mirrored_at) with (autosummarize = on, pages_per_range = 32);

comment on table rtdb.you_or_me_sessions is
  'Mirror of RTDB you_or_me_sessions/*/*. Written by quest_mirror_writer only.';
comment on column rtdb.you_or_me_sessions.event_time is
  'Version of the row; -infinity for backfill rows, so that any real event wins.';
comment on column rtdb.you_or_me_sessions.deleted_at is
  'Tombstone: the value is gone in RTDB; kept so that a late older write cannot bring it back.';
comment on column rtdb.you_or_me_sessions.partner_id is
  'As the phone wrote it: an id, a push token, or empty.';

select mirror.declare_path(
  'you_or_me_sessions',
  'you_or_me_sessions/{coupleId}/{sessionId}',
  columns => '{
    user_id, partner_id, initiated_by, subject_user_id, status, is_completed, created_at,
    completed_at, lp_earned
  }',
  visible_to => '{couple}'
);

-- One row for each question that a user answered. A missing answer has no row.
create view rtdb.you_or_me_answers with (security_invoker = true) as
select
  session.couple_id,
  session.session_id,
  by_user.key as user_id,
  answer.key as item_key,
  answer.place,
  mirror.text_of(answer.item -> 'questionId') as question_id,
  mirror.text_of(answer.item -> 'questionPrompt') as question_prompt,
  mirror.text_of(answer.item -> 'questionContent') as question_content,
  mirror.boolean_of(answer.item -> 'answerValue') as answer_value,
  mirror.instant_of(answer.item -> 'answeredAt') as answered_at
from rtdb.you_or_me_sessions as session
cross join lateral mirror.items(session.payload -> 'answers') as by_user
cross join lateral mirror.items(by_user.item) as answer
where session.deleted_at is null;

select mirror.share_view('rtdb.you_or_me_answers');

comment on view rtdb.you_or_me_answers is
  'Answers of the you-or-me games: one row for each question and user.';
