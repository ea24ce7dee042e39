-- The schema as the migrations leave it, to read and to search: generated, never run.
-- Written by `UPDATE_DOCS=1 npx jest test/integration/schema-document`. What the columns mean: tables.md.

create schema mirror;
grant usage on schema mirror to quest_mirror_api;
grant usage on schema mirror to quest_mirror_reader;
grant usage on schema mirror to quest_mirror_writer;
comment on schema mirror is 'The books of the mirror. Never exposed to the app.';

create schema rtdb;
grant usage on schema rtdb to quest_mirror_api;
grant usage on schema rtdb to quest_mirror_reader;
grant usage on schema rtdb to quest_mirror_writer;
comment on schema rtdb is 'The copy of RTDB: a table for each mirrored path.';

create view rtdb.daily_quest_items with (security_invoker=true) as
 SELECT day.couple_id,
    day.date_key,
    quest.key AS item_key,
    quest.place,
    mirror.text_of(quest.item -> 'id'::text) AS quest_id,
    mirror.text_of(quest.item -> 'contentId'::text) AS content_id,
    mirror.integer_of(quest.item -> 'questType'::text) AS quest_type,
    mirror.integer_of(quest.item -> 'sortOrder'::text) AS sort_order,
    mirror.boolean_of(quest.item -> 'isSideQuest'::text) AS is_side_quest,
    mirror.text_of(quest.item -> 'formatType'::text) AS format_type,
    mirror.text_of(quest.item -> 'quizName'::text) AS quiz_name
   FROM rtdb.daily_quests day
     CROSS JOIN LATERAL mirror.items(day.payload) quest(key, place, item)
  WHERE day.deleted_at IS NULL;
grant select on rtdb.daily_quest_items to quest_mirror_reader;
comment on view rtdb.daily_quest_items is 'The quests of each day: one row for each.';

create table rtdb.daily_quests (
  couple_id text collate "C" not null,
  date_key date not null,
  quest_count integer,
  payload jsonb,
  origin text not null,
  event_id text,
  event_time timestamp with time zone not null,
  deleted_at timestamp with time zone,
  tie_settled boolean not null default false,
  mirrored_at timestamp with time zone not null default clock_timestamp(),
  constraint daily_quests_ids_within_rtdb_limit CHECK ((octet_length(couple_id) <= 768)),
  constraint daily_quests_origin_known CHECK ((origin = ANY (ARRAY['rtdb'::text, 'backfill'::text, 'repair'::text]))),
  constraint daily_quests_pkey PRIMARY KEY (couple_id, date_key),
  constraint daily_quests_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (payload IS NULL)))
);
CREATE INDEX daily_quests_mirrored_at ON rtdb.daily_quests USING brin (mirrored_at) WITH (autosummarize='on', pages_per_range='32');
CREATE INDEX daily_quests_tombstones ON rtdb.daily_quests USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE TRIGGER direct_truncate AFTER TRUNCATE ON rtdb.daily_quests FOR EACH STATEMENT WHEN ((current_setting('mirror.writer'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION mirror.note_direct_write('daily_quests', 'date_key', 'couple_id', 'date_key');
CREATE TRIGGER direct_write AFTER INSERT OR DELETE OR UPDATE ON rtdb.daily_quests FOR EACH ROW WHEN ((current_setting('mirror.writer'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION mirror.note_direct_write('daily_quests', 'date_key', 'couple_id', 'date_key');
alter table rtdb.daily_quests enable row level security;
create policy own_live_rows on rtdb.daily_quests for select to public using (((deleted_at IS NULL) AND (couple_id ~~ ANY (( SELECT mirror.own_shards() AS own_shards)::text[]))));
create policy quest_mirror_reader on rtdb.daily_quests for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on rtdb.daily_quests for all to quest_mirror_writer using (true) with check (true);
grant select on rtdb.daily_quests to quest_mirror_reader;
grant insert, select, update on rtdb.daily_quests to quest_mirror_writer;
comment on table rtdb.daily_quests is 'Mirror of RTDB daily_quests/*/*/quests. Written by quest_mirror_writer only.';
comment on column rtdb.daily_quests.event_time is 'Version of the row; -infinity for backfill rows, so that any real event wins.';
comment on column rtdb.daily_quests.deleted_at is 'Tombstone: the value is gone in RTDB; kept so that a late older write cannot bring it back.';

create table rtdb.lp_awards (
  couple_id text collate "C" not null,
  award_id text collate "C" not null,
  amount integer,
  multiplier integer,
  reason text,
  related_id text,
  awarded_at timestamp with time zone,
  payload jsonb,
  origin text not null,
  event_id text,
  event_time timestamp with time zone not null,
  deleted_at timestamp with time zone,
  tie_settled boolean not null default false,
  mirrored_at timestamp with time zone not null default clock_timestamp(),
  constraint lp_awards_ids_within_rtdb_limit CHECK (((octet_length(couple_id) <= 768) AND (octet_length(award_id) <= 768))),
  constraint lp_awards_origin_known CHECK ((origin = ANY (ARRAY['rtdb'::text, 'backfill'::text, 'repair'::text]))),
  constraint lp_awards_pkey PRIMARY KEY (couple_id, award_id),
  constraint lp_awards_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (payload IS NULL)))
);
CREATE INDEX lp_awards_mirrored_at ON rtdb.lp_awards USING brin (mirrored_at) WITH (autosummarize='on', pages_per_range='32');
CREATE INDEX lp_awards_tombstones ON rtdb.lp_awards USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE TRIGGER direct_truncate AFTER TRUNCATE ON rtdb.lp_awards FOR EACH STATEMENT WHEN ((current_setting('mirror.writer'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION mirror.note_direct_write('lp_awards', '', 'couple_id', 'award_id');
CREATE TRIGGER direct_write AFTER INSERT OR DELETE OR UPDATE ON rtdb.lp_awards FOR EACH ROW WHEN ((current_setting('mirror.writer'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION mirror.note_direct_write('lp_awards', '', 'couple_id', 'award_id');
alter table rtdb.lp_awards enable row level security;
create policy own_live_rows on rtdb.lp_awards for select to public using (((deleted_at IS NULL) AND (couple_id ~~ ANY (( SELECT mirror.own_shards() AS own_shards)::text[]))));
create policy quest_mirror_reader on rtdb.lp_awards for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on rtdb.lp_awards for all to quest_mirror_writer using (true) with check (true);
grant select on rtdb.lp_awards to quest_mirror_reader;
grant insert, select, update on rtdb.lp_awards to quest_mirror_writer;
comment on table rtdb.lp_awards is 'Mirror of RTDB lp_awards/*/*. Written by quest_mirror_writer only.';
comment on column rtdb.lp_awards.event_time is 'Version of the row; -infinity for backfill rows, so that any real event wins.';
comment on column rtdb.lp_awards.deleted_at is 'Tombstone: the value is gone in RTDB; kept so that a late older write cannot bring it back.';

create table rtdb.memory_puzzles (
  couple_id text collate "C" not null,
  puzzle_id text collate "C" not null,
  created_by text,
  status text,
  total_pairs integer,
  matched_pairs integer,
  created_at_local text,
  expires_at_local text,
  payload jsonb,
  origin text not null,
  event_id text,
  event_time timestamp with time zone not null,
  deleted_at timestamp with time zone,
  tie_settled boolean not null default false,
  mirrored_at timestamp with time zone not null default clock_timestamp(),
  constraint memory_puzzles_ids_within_rtdb_limit CHECK (((octet_length(couple_id) <= 768) AND (octet_length(puzzle_id) <= 768))),
  constraint memory_puzzles_origin_known CHECK ((origin = ANY (ARRAY['rtdb'::text, 'backfill'::text, 'repair'::text]))),
  constraint memory_puzzles_pkey PRIMARY KEY (couple_id, puzzle_id),
  constraint memory_puzzles_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (payload IS NULL)))
);
CREATE INDEX memory_puzzles_mirrored_at ON rtdb.memory_puzzles USING brin (mirrored_at) WITH (autosummarize='on', pages_per_range='32');
CREATE INDEX memory_puzzles_tombstones ON rtdb.memory_puzzles USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE TRIGGER direct_truncate AFTER TRUNCATE ON rtdb.memory_puzzles FOR EACH STATEMENT WHEN ((current_setting('mirror.writer'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION mirror.note_direct_write('memory_puzzles', '', 'couple_id', 'puzzle_id');
CREATE TRIGGER direct_write AFTER INSERT OR DELETE OR UPDATE ON rtdb.memory_puzzles FOR EACH ROW WHEN ((current_setting('mirror.writer'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION mirror.note_direct_write('memory_puzzles', '', 'couple_id', 'puzzle_id');
alter table rtdb.memory_puzzles enable row level security;
create policy own_live_rows on rtdb.memory_puzzles for select to public using (((deleted_at IS NULL) AND (couple_id ~~ ANY (( SELECT mirror.own_shards() AS own_shards)::text[]))));
create policy quest_mirror_reader on rtdb.memory_puzzles for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on rtdb.memory_puzzles for all to quest_mirror_writer using (true) with check (true);
grant select on rtdb.memory_puzzles to quest_mirror_reader;
grant insert, select, update on rtdb.memory_puzzles to quest_mirror_writer;
comment on table rtdb.memory_puzzles is 'Mirror of RTDB memory_puzzles/*/*. Written by quest_mirror_writer only.';
comment on column rtdb.memory_puzzles.event_time is 'Version of the row; -infinity for backfill rows, so that any real event wins.';
comment on column rtdb.memory_puzzles.deleted_at is 'Tombstone: the value is gone in RTDB; kept so that a late older write cannot bring it back.';

create table rtdb.quest_completions (
  couple_id text collate "C" not null,
  date_key date not null,
  quest_id text collate "C" not null,
  user_id text collate "C" not null,
  partner_id text collate "C",
  completed_at timestamp with time zone not null,
  payload jsonb,
  origin text not null,
  event_id text,
  event_time timestamp with time zone not null,
  deleted_at timestamp with time zone,
  client_claimed_at timestamp with time zone,
  tie_settled boolean not null default false,
  mirrored_at timestamp with time zone not null default clock_timestamp(),
  constraint quest_completions_ids_within_rtdb_limit CHECK (((octet_length(couple_id) <= 768) AND (octet_length(quest_id) <= 768) AND (octet_length(user_id) <= 768) AND (octet_length(partner_id) <= 768))),
  constraint quest_completions_origin_known CHECK ((origin = ANY (ARRAY['rtdb'::text, 'client'::text, 'backfill'::text, 'repair'::text]))),
  constraint quest_completions_pkey PRIMARY KEY (couple_id, date_key, quest_id, user_id),
  constraint quest_completions_tombstone_has_no_payload CHECK (((deleted_at IS NULL) OR (payload IS NULL)))
);
CREATE INDEX quest_completions_mirrored_at ON rtdb.quest_completions USING brin (mirrored_at) WITH (autosummarize='on', pages_per_range='32');
CREATE INDEX quest_completions_tombstones ON rtdb.quest_completions USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE TRIGGER direct_truncate AFTER TRUNCATE ON rtdb.quest_completions FOR EACH STATEMENT WHEN ((current_setting('mirror.writer'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION mirror.note_direct_write('quest_completions', 'date_key', 'couple_id', 'date_key', 'quest_id', 'user_id');
CREATE TRIGGER direct_write AFTER INSERT OR DELETE OR UPDATE ON rtdb.quest_completions FOR EACH ROW WHEN ((current_setting('mirror.writer'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION mirror.note_direct_write('quest_completions', 'date_key', 'couple_id', 'date_key', 'quest_id', 'user_id');
alter table rtdb.quest_completions enable row level security;
create policy own_live_rows on rtdb.quest_completions for select to public using (((deleted_at IS NULL) AND ((user_id = ANY (( SELECT mirror.own_ids() AS own_ids)::text[])) OR (partner_id = ANY (( SELECT mirror.own_ids() AS own_ids)::text[])))));
create policy quest_mirror_api on rtdb.quest_completions for select to quest_mirror_api using (true);
create policy quest_mirror_api_claim on rtdb.quest_completions for insert to quest_mirror_api using () with check (((origin = 'client'::text) AND (event_time = '-infinity'::timestamp with time zone)));
create policy quest_mirror_api_note on rtdb.quest_completions for update to quest_mirror_api using (true) with check (true);
create policy quest_mirror_reader on rtdb.quest_completions for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on rtdb.quest_completions for all to quest_mirror_writer using (true) with check (true);
grant insert, select on rtdb.quest_completions to quest_mirror_api;
grant select on rtdb.quest_completions to quest_mirror_reader;
grant insert, select, update on rtdb.quest_completions to quest_mirror_writer;
grant update (client_claimed_at) on rtdb.quest_completions to quest_mirror_api;
comment on table rtdb.quest_completions is 'Mirror of RTDB daily_quests/*/*/completions. Written by quest_mirror_writer only.';
comment on column rtdb.quest_completions.event_time is 'Version of the row; -infinity for client and backfill rows, so that any real event wins.';
comment on column rtdb.quest_completions.deleted_at is 'Tombstone: the leaf is gone in RTDB; kept so that a late older write cannot bring it back.';
comment on column rtdb.quest_completions.client_claimed_at is 'When an old app last claimed this completion over the API: a witness besides RTDB.';

create table rtdb.quiz_progression (
  couple_id text collate "C" not null,
  current_track integer,
  current_position integer,
  total_quizzes_completed integer,
  has_completed_all_tracks boolean,
  created_at timestamp with time zone,
  last_completed_at timestamp with time zone,
  payload jsonb,
  origin text not null,
  event_id text,
  event_time timestamp with time zone not null,
  deleted_at timestamp with time zone,
  tie_settled boolean not null default false,
  mirrored_at timestamp with time zone not null default clock_timestamp(),
  constraint quiz_progression_ids_within_rtdb_limit CHECK ((octet_length(couple_id) <= 768)),
  constraint quiz_progression_origin_known CHECK ((origin = ANY (ARRAY['rtdb'::text, 'backfill'::text, 'repair'::text]))),
  constraint quiz_progression_pkey PRIMARY KEY (couple_id),
  constraint quiz_progression_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (payload IS NULL)))
);
CREATE INDEX quiz_progression_mirrored_at ON rtdb.quiz_progression USING brin (mirrored_at) WITH (autosummarize='on', pages_per_range='32');
CREATE INDEX quiz_progression_tombstones ON rtdb.quiz_progression USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE TRIGGER direct_truncate AFTER TRUNCATE ON rtdb.quiz_progression FOR EACH STATEMENT WHEN ((current_setting('mirror.writer'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION mirror.note_direct_write('quiz_progression', '', 'couple_id');
CREATE TRIGGER direct_write AFTER INSERT OR DELETE OR UPDATE ON rtdb.quiz_progression FOR EACH ROW WHEN ((current_setting('mirror.writer'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION mirror.note_direct_write('quiz_progression', '', 'couple_id');
alter table rtdb.quiz_progression enable row level security;
create policy own_live_rows on rtdb.quiz_progression for select to public using (((deleted_at IS NULL) AND (couple_id ~~ ANY (( SELECT mirror.own_shards() AS own_shards)::text[]))));
create policy quest_mirror_reader on rtdb.quiz_progression for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on rtdb.quiz_progression for all to quest_mirror_writer using (true) with check (true);
grant select on rtdb.quiz_progression to quest_mirror_reader;
grant insert, select, update on rtdb.quiz_progression to quest_mirror_writer;
comment on table rtdb.quiz_progression is 'Mirror of RTDB quiz_progression/*. Written by quest_mirror_writer only.';
comment on column rtdb.quiz_progression.event_time is 'Version of the row; -infinity for backfill rows, so that any real event wins.';
comment on column rtdb.quiz_progression.deleted_at is 'Tombstone: the value is gone in RTDB; kept so that a late older write cannot bring it back.';

create view rtdb.quiz_session_answers with (security_invoker=true) as
 SELECT session.couple_id,
    session.session_id,
    choice.user_id,
    choice.item_key,
    choice.place,
    mirror.text_of(question.item) AS question_id,
    choice.answer,
    choice.prediction
   FROM rtdb.quiz_sessions session
     CROSS JOIN LATERAL ( SELECT by_user.key AS user_id,
            chosen.key AS item_key,
            chosen.place,
            max(mirror.integer_of(chosen.item)) FILTER (WHERE field.name = 'answers'::text) AS answer,
            max(mirror.integer_of(chosen.item)) FILTER (WHERE field.name = 'predictions'::text) AS prediction
           FROM ( VALUES ('answers'::text), ('predictions'::text)) field(name)
             CROSS JOIN LATERAL mirror.items(session.payload -> field.name) by_user(key, place, item)
             CROSS JOIN LATERAL mirror.items(by_user.item) chosen(key, place, item)
          GROUP BY by_user.key, chosen.key, chosen.place) choice
     LEFT JOIN LATERAL mirror.items(session.payload -> 'questionIds'::text) question(key, place, item) ON question.key = choice.item_key
  WHERE session.deleted_at IS NULL;
grant select on rtdb.quiz_session_answers to quest_mirror_reader;
comment on view rtdb.quiz_session_answers is 'Answers and predictions of the quizzes: one row for each question and user.';

create table rtdb.quiz_sessions (
  couple_id text collate "C" not null,
  session_id text collate "C" not null,
  status text,
  format_type text,
  initiated_by text,
  subject_user_id text,
  is_daily_quest boolean,
  created_at timestamp with time zone,
  expires_at timestamp with time zone,
  completed_at timestamp with time zone,
  match_percentage integer,
  alignment_matches integer,
  lp_earned integer,
  payload jsonb,
  origin text not null,
  event_id text,
  event_time timestamp with time zone not null,
  deleted_at timestamp with time zone,
  tie_settled boolean not null default false,
  mirrored_at timestamp with time zone not null default clock_timestamp(),
  constraint quiz_sessions_ids_within_rtdb_limit CHECK (((octet_length(couple_id) <= 768) AND (octet_length(session_id) <= 768))),
  constraint quiz_sessions_origin_known CHECK ((origin = ANY (ARRAY['rtdb'::text, 'backfill'::text, 'repair'::text]))),
  constraint quiz_sessions_pkey PRIMARY KEY (couple_id, session_id),
  constraint quiz_sessions_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (payload IS NULL)))
);
CREATE INDEX quiz_sessions_mirrored_at ON rtdb.quiz_sessions USING brin (mirrored_at) WITH (autosummarize='on', pages_per_range='32');
CREATE INDEX quiz_sessions_tombstones ON rtdb.quiz_sessions USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE TRIGGER direct_truncate AFTER TRUNCATE ON rtdb.quiz_sessions FOR EACH STATEMENT WHEN ((current_setting('mirror.writer'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION mirror.note_direct_write('quiz_sessions', '', 'couple_id', 'session_id');
CREATE TRIGGER direct_write AFTER INSERT OR DELETE OR UPDATE ON rtdb.quiz_sessions FOR EACH ROW WHEN ((current_setting('mirror.writer'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION mirror.note_direct_write('quiz_sessions', '', 'couple_id', 'session_id');
alter table rtdb.quiz_sessions enable row level security;
create policy own_live_rows on rtdb.quiz_sessions for select to public using (((deleted_at IS NULL) AND (couple_id ~~ ANY (( SELECT mirror.own_shards() AS own_shards)::text[]))));
create policy quest_mirror_reader on rtdb.quiz_sessions for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on rtdb.quiz_sessions for all to quest_mirror_writer using (true) with check (true);
grant select on rtdb.quiz_sessions to quest_mirror_reader;
grant insert, select, update on rtdb.quiz_sessions to quest_mirror_writer;
comment on table rtdb.quiz_sessions is 'Mirror of RTDB quiz_sessions/*/*. Written by quest_mirror_writer only.';
comment on column rtdb.quiz_sessions.event_time is 'Version of the row; -infinity for backfill rows, so that any real event wins.';
comment on column rtdb.quiz_sessions.deleted_at is 'Tombstone: the value is gone in RTDB; kept so that a late older write cannot bring it back.';

create table rtdb.steps (
  couple_id text collate "C" not null,
  date_key date not null,
  goal integer,
  claimed boolean,
  claimed_by text,
  claimed_at timestamp with time zone,
  updated_at timestamp with time zone,
  lp_earned integer,
  payload jsonb,
  origin text not null,
  event_id text,
  event_time timestamp with time zone not null,
  deleted_at timestamp with time zone,
  tie_settled boolean not null default false,
  mirrored_at timestamp with time zone not null default clock_timestamp(),
  constraint steps_ids_within_rtdb_limit CHECK ((octet_length(couple_id) <= 768)),
  constraint steps_origin_known CHECK ((origin = ANY (ARRAY['rtdb'::text, 'backfill'::text, 'repair'::text]))),
  constraint steps_pkey PRIMARY KEY (couple_id, date_key),
  constraint steps_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (payload IS NULL)))
);
CREATE INDEX steps_mirrored_at ON rtdb.steps USING brin (mirrored_at) WITH (autosummarize='on', pages_per_range='32');
CREATE INDEX steps_tombstones ON rtdb.steps USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE TRIGGER direct_truncate AFTER TRUNCATE ON rtdb.steps FOR EACH STATEMENT WHEN ((current_setting('mirror.writer'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION mirror.note_direct_write('steps', 'date_key', 'couple_id', 'date_key');
CREATE TRIGGER direct_write AFTER INSERT OR DELETE OR UPDATE ON rtdb.steps FOR EACH ROW WHEN ((current_setting('mirror.writer'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION mirror.note_direct_write('steps', 'date_key', 'couple_id', 'date_key');
alter table rtdb.steps enable row level security;
create policy own_live_rows on rtdb.steps for select to public using (((deleted_at IS NULL) AND (couple_id ~~ ANY (( SELECT mirror.own_shards() AS own_shards)::text[]))));
create policy quest_mirror_reader on rtdb.steps for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on rtdb.steps for all to quest_mirror_writer using (true) with check (true);
grant select on rtdb.steps to quest_mirror_reader;
grant insert, select, update on rtdb.steps to quest_mirror_writer;
comment on table rtdb.steps is 'Mirror of RTDB steps_data/*/days/*. Written by quest_mirror_writer only.';
comment on column rtdb.steps.event_time is 'Version of the row; -infinity for backfill rows, so that any real event wins.';
comment on column rtdb.steps.deleted_at is 'Tombstone: the value is gone in RTDB; kept so that a late older write cannot bring it back.';

create view rtdb.steps_by_user with (security_invoker=true) as
 SELECT day.couple_id,
    day.date_key,
    by_user.key AS user_id,
    mirror.integer_of(by_user.item -> 'steps'::text) AS steps,
    mirror.text_of(by_user.item -> 'lastSync'::text) AS last_sync_local,
    mirror.text_of(by_user.item -> 'source'::text) AS source
   FROM rtdb.steps day
     CROSS JOIN LATERAL mirror.items(day.payload -> 'users'::text) by_user(key, place, item)
  WHERE day.deleted_at IS NULL;
grant select on rtdb.steps_by_user to quest_mirror_reader;
comment on view rtdb.steps_by_user is 'The steps of each day: one row for each user.';

create view rtdb.you_or_me_answers with (security_invoker=true) as
 SELECT session.couple_id,
    session.session_id,
    by_user.key AS user_id,
    answer.key AS item_key,
    answer.place,
    mirror.text_of(answer.item -> 'questionId'::text) AS question_id,
    mirror.text_of(answer.item -> 'questionPrompt'::text) AS question_prompt,
    mirror.text_of(answer.item -> 'questionContent'::text) AS question_content,
    mirror.boolean_of(answer.item -> 'answerValue'::text) AS answer_value,
    mirror.instant_of(answer.item -> 'answeredAt'::text) AS answered_at
   FROM rtdb.you_or_me_sessions session
     CROSS JOIN LATERAL mirror.items(session.payload -> 'answers'::text) by_user(key, place, item)
     CROSS JOIN LATERAL mirror.items(by_user.item) answer(key, place, item)
  WHERE session.deleted_at IS NULL;
grant select on rtdb.you_or_me_answers to quest_mirror_reader;
comment on view rtdb.you_or_me_answers is 'Answers of the you-or-me games: one row for each question and user.';

create table rtdb.you_or_me_sessions (
  couple_id text collate "C" not null,
  session_id text collate "C" not null,
  user_id text,
  partner_id text,
  initiated_by text,
  subject_user_id text,
  status text,
  is_completed boolean,
  created_at timestamp with time zone,
  completed_at timestamp with time zone,
  lp_earned integer,
  payload jsonb,
  origin text not null,
  event_id text,
  event_time timestamp with time zone not null,
  deleted_at timestamp with time zone,
  tie_settled boolean not null default false,
  mirrored_at timestamp with time zone not null default clock_timestamp(),
  constraint you_or_me_sessions_ids_within_rtdb_limit CHECK (((octet_length(couple_id) <= 768) AND (octet_length(session_id) <= 768))),
  constraint you_or_me_sessions_origin_known CHECK ((origin = ANY (ARRAY['rtdb'::text, 'backfill'::text, 'repair'::text]))),
  constraint you_or_me_sessions_pkey PRIMARY KEY (couple_id, session_id),
  constraint you_or_me_sessions_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (payload IS NULL)))
);
CREATE INDEX you_or_me_sessions_mirrored_at ON rtdb.you_or_me_sessions USING brin (mirrored_at) WITH (autosummarize='on', pages_per_range='32');
CREATE INDEX you_or_me_sessions_tombstones ON rtdb.you_or_me_sessions USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE TRIGGER direct_truncate AFTER TRUNCATE ON rtdb.you_or_me_sessions FOR EACH STATEMENT WHEN ((current_setting('mirror.writer'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION mirror.note_direct_write('you_or_me_sessions', '', 'couple_id', 'session_id');
CREATE TRIGGER direct_write AFTER INSERT OR DELETE OR UPDATE ON rtdb.you_or_me_sessions FOR EACH ROW WHEN ((current_setting('mirror.writer'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION mirror.note_direct_write('you_or_me_sessions', '', 'couple_id', 'session_id');
alter table rtdb.you_or_me_sessions enable row level security;
create policy own_live_rows on rtdb.you_or_me_sessions for select to public using (((deleted_at IS NULL) AND (couple_id ~~ ANY (( SELECT mirror.own_shards() AS own_shards)::text[]))));
create policy quest_mirror_reader on rtdb.you_or_me_sessions for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on rtdb.you_or_me_sessions for all to quest_mirror_writer using (true) with check (true);
grant select on rtdb.you_or_me_sessions to quest_mirror_reader;
grant insert, select, update on rtdb.you_or_me_sessions to quest_mirror_writer;
comment on table rtdb.you_or_me_sessions is 'Mirror of RTDB you_or_me_sessions/*/*. Written by quest_mirror_writer only.';
comment on column rtdb.you_or_me_sessions.partner_id is 'As the phone wrote it: an id, a push token, or empty.';
comment on column rtdb.you_or_me_sessions.event_time is 'Version of the row; -infinity for backfill rows, so that any real event wins.';
comment on column rtdb.you_or_me_sessions.deleted_at is 'Tombstone: the value is gone in RTDB; kept so that a late older write cannot bring it back.';

create table mirror.backfills (
  id bigint not null generated always as identity,
  started_at timestamp with time zone not null default clock_timestamp(),
  finished_at timestamp with time zone,
  status text not null default 'running'::text,
  config jsonb not null,
  checkpoint jsonb not null default '{}'::jsonb,
  done jsonb not null default '{}'::jsonb,
  failed jsonb not null default '[]'::jsonb,
  error text,
  constraint backfills_ended_has_time CHECK (((status = 'running'::text) = (finished_at IS NULL))),
  constraint backfills_pkey PRIMARY KEY (id),
  constraint backfills_status_known CHECK ((status = ANY (ARRAY['running'::text, 'finished'::text, 'failed'::text])))
);
alter table mirror.backfills enable row level security;
create policy quest_mirror_reader on mirror.backfills for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on mirror.backfills for all to quest_mirror_writer using (true) with check (true);
grant select on mirror.backfills to quest_mirror_reader;
grant select on mirror.backfills to quest_mirror_writer;
comment on table mirror.backfills is 'What each backfill read and inserted, and how far it came.';

create table mirror.canaries (
  path text not null,
  written_at timestamp with time zone not null,
  arrived_at timestamp with time zone,
  lag_ms double precision,
  constraint canaries_pkey PRIMARY KEY (path, written_at)
);
alter table mirror.canaries enable row level security;
create policy quest_mirror_reader on mirror.canaries for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on mirror.canaries for all to quest_mirror_writer using (true) with check (true);
grant select on mirror.canaries to quest_mirror_reader;
grant insert, select, update on mirror.canaries to quest_mirror_writer;
comment on table mirror.canaries is 'Each canary that was written, and when it arrived.';

create table mirror.client_claims (
  user_id text collate "C" not null,
  day date not null,
  claims integer not null,
  constraint client_claims_not_negative CHECK ((claims >= 0)),
  constraint client_claims_pkey PRIMARY KEY (user_id, day)
);
alter table mirror.client_claims enable row level security;
create policy quest_mirror_api on mirror.client_claims for all to quest_mirror_api using (true) with check (true);
create policy quest_mirror_reader on mirror.client_claims for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on mirror.client_claims for all to quest_mirror_writer using (true) with check (true);
grant insert, select, update on mirror.client_claims to quest_mirror_api;
grant select on mirror.client_claims to quest_mirror_reader;
grant insert, select, update on mirror.client_claims to quest_mirror_writer;
comment on table mirror.client_claims is 'How many claims a user made on a day that changed something. Purged after two days.';

create table mirror.coverage (
  id bigint not null generated always as identity,
  from_at timestamp with time zone not null,
  to_at timestamp with time zone,
  path text,
  reason text not null,
  detail jsonb,
  constraint coverage_pkey PRIMARY KEY (id),
  constraint coverage_reason_known CHECK ((reason = ANY (ARRAY['flag_off'::text, 'percent'::text, 'outage'::text, 'canary_lost'::text, 'restored'::text]))),
  constraint coverage_times_ordered CHECK ((from_at <= to_at))
);
CREATE INDEX coverage_open ON mirror.coverage USING btree (reason) WHERE (to_at IS NULL);
alter table mirror.coverage enable row level security;
create policy quest_mirror_api on mirror.coverage for all to quest_mirror_api using (true) with check (true);
create policy quest_mirror_reader on mirror.coverage for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on mirror.coverage for all to quest_mirror_writer using (true) with check (true);
grant select on mirror.coverage to quest_mirror_api;
grant select on mirror.coverage to quest_mirror_reader;
grant insert, select, update on mirror.coverage to quest_mirror_writer;
comment on table mirror.coverage is 'Intervals in which mirroring was not fully on.';

create table mirror.direct_writes (
  path text not null,
  shard text collate "C",
  day date,
  key jsonb not null,
  operation text not null,
  written_by text not null,
  written_at timestamp with time zone not null default clock_timestamp(),
  old_payload jsonb,
  new_payload jsonb,
  constraint direct_writes_operation_known CHECK ((operation = ANY (ARRAY['insert'::text, 'update'::text, 'delete'::text, 'truncate'::text])))
);
CREATE UNIQUE INDEX direct_writes_last ON mirror.direct_writes USING btree (md5((key)::text), path);
CREATE INDEX direct_writes_written ON mirror.direct_writes USING btree (path, written_at);
CREATE INDEX direct_writes_written_at ON mirror.direct_writes USING btree (written_at);
alter table mirror.direct_writes enable row level security;
create policy quest_mirror_api on mirror.direct_writes for all to quest_mirror_api using (true) with check (true);
create policy quest_mirror_reader on mirror.direct_writes for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on mirror.direct_writes for all to quest_mirror_writer using (true) with check (true);
grant select on mirror.direct_writes to quest_mirror_api;
grant select on mirror.direct_writes to quest_mirror_reader;
grant select on mirror.direct_writes to quest_mirror_writer;
comment on table mirror.direct_writes is 'The last write of each leaf that went past the mirror, for causes of divergence.';

create table mirror.divergence_log (
  id bigint not null generated always as identity,
  path text not null,
  ref text not null,
  shard text collate "C",
  day date,
  key jsonb,
  kind text not null,
  cause text not null,
  severity text not null,
  detected_by text not null,
  keys integer not null default 1,
  rtdb_value jsonb,
  postgres_value jsonb,
  detail jsonb,
  event_id text,
  event_time timestamp with time zone,
  written_after timestamp with time zone,
  written_before timestamp with time zone,
  first_seen_at timestamp with time zone not null default clock_timestamp(),
  last_seen_at timestamp with time zone not null default clock_timestamp(),
  times_seen integer not null default 1,
  resolved_at timestamp with time zone,
  resolved_by text,
  constraint divergence_log_cause_known CHECK ((cause = ANY (ARRAY['race'::text, 'rejected'::text, 'flag_disabled'::text, 'before_mirroring'::text, 'fan_out_limit'::text, 'direct_postgres_write'::text, 'client_without_rtdb'::text, 'retries_exhausted'::text, 'ancestor_overwrite'::text, 'retention'::text, 'in_flight'::text, 'other_database'::text, 'restored'::text, 'unknown'::text]))),
  constraint divergence_log_detected_by_known CHECK ((detected_by = ANY (ARRAY['trigger'::text, 'reconciler'::text, 'api'::text, 'backfill'::text, 'repair'::text]))),
  constraint divergence_log_keys_positive CHECK ((keys >= 1)),
  constraint divergence_log_kind_known CHECK ((kind = ANY (ARRAY['missing_in_postgres'::text, 'missing_in_rtdb'::text, 'value_mismatch'::text, 'column_mismatch'::text, 'invalid_payload'::text, 'write_rejected'::text, 'out_of_order'::text, 'missed_event'::text, 'client_only'::text, 'ancestor_overwrite'::text, 'foreign_user'::text, 'value_drift'::text]))),
  constraint divergence_log_pkey PRIMARY KEY (id),
  constraint divergence_log_resolved_by_known CHECK ((resolved_by = ANY (ARRAY['event'::text, 'superseded'::text, 'gone'::text, 'repair'::text, 'backfill'::text, 'client'::text, 'direct'::text]))),
  constraint divergence_log_severity_known CHECK ((severity = ANY (ARRAY['info'::text, 'warning'::text, 'error'::text]))),
  constraint divergence_log_times_seen_positive CHECK ((times_seen >= 1))
);
CREATE INDEX divergence_log_day ON mirror.divergence_log USING btree (md5(shard), day);
CREATE INDEX divergence_log_first_seen ON mirror.divergence_log USING brin (first_seen_at) WITH (autosummarize='on', pages_per_range='32');
CREATE INDEX divergence_log_made_good ON mirror.divergence_log USING btree (path, written_before) WHERE ((written_before IS NOT NULL) AND (resolved_by = ANY (ARRAY['repair'::text, 'backfill'::text, 'client'::text, 'direct'::text])));
CREATE INDEX divergence_log_of_readings ON mirror.divergence_log USING btree (path, md5(shard)) WHERE ((resolved_at IS NULL) AND (written_before IS NOT NULL));
CREATE INDEX divergence_log_of_triggers ON mirror.divergence_log USING btree (path, kind, id) WHERE ((resolved_at IS NULL) AND (written_before IS NULL));
CREATE UNIQUE INDEX divergence_log_one_open ON mirror.divergence_log USING btree (md5(ref), kind, path) WHERE (resolved_at IS NULL);
CREATE INDEX divergence_log_open ON mirror.divergence_log USING btree (first_seen_at) WHERE (resolved_at IS NULL);
CREATE INDEX divergence_log_overview ON mirror.divergence_log USING btree (kind, cause, severity, day, first_seen_at, resolved_at) INCLUDE (id, path, keys);
CREATE INDEX divergence_log_ref ON mirror.divergence_log USING hash (ref);
CREATE INDEX divergence_log_refused ON mirror.divergence_log USING btree (md5(shard), kind, path) WHERE ((resolved_at IS NULL) AND (kind = ANY (ARRAY['invalid_payload'::text, 'write_rejected'::text, 'foreign_user'::text])));
CREATE TRIGGER divergence_log_bounded BEFORE INSERT OR UPDATE OF rtdb_value, postgres_value, detail, event_id ON mirror.divergence_log FOR EACH ROW EXECUTE FUNCTION mirror.bound_divergence();
alter table mirror.divergence_log enable row level security;
create policy quest_mirror_api on mirror.divergence_log for all to quest_mirror_api using (true) with check (true);
create policy quest_mirror_reader on mirror.divergence_log for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on mirror.divergence_log for all to quest_mirror_writer using (true) with check (true);
grant insert, select, update on mirror.divergence_log to quest_mirror_api;
grant select on mirror.divergence_log to quest_mirror_reader;
grant insert, select, update on mirror.divergence_log to quest_mirror_writer;
comment on table mirror.divergence_log is 'Where RTDB and Postgres disagreed, or an event was refused. One open row per (path, ref, kind).';

create table mirror.erased (
  id_sha256 bytea not null,
  id_length integer not null,
  erased_at timestamp with time zone not null default clock_timestamp(),
  until timestamp with time zone not null,
  constraint erased_pkey PRIMARY KEY (id_sha256)
);
alter table mirror.erased enable row level security;
create policy quest_mirror_api on mirror.erased for all to quest_mirror_api using (true) with check (true);
create policy quest_mirror_reader on mirror.erased for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on mirror.erased for all to quest_mirror_writer using (true) with check (true);
grant select on mirror.erased to quest_mirror_api;
grant select on mirror.erased to quest_mirror_reader;
grant select on mirror.erased to quest_mirror_writer;
comment on table mirror.erased is 'Hashes of ids that were erased, and until when what holds them is dropped.';

create table mirror.hourly_arrivals (
  path text not null,
  hour timestamp with time zone not null,
  live integer not null,
  tombstones integer not null,
  client integer not null,
  backfill integer not null,
  repair integer not null,
  lag_p50_ms double precision,
  lag_p95_ms double precision,
  lag_p99_ms double precision,
  lag_max_ms double precision,
  counted_at timestamp with time zone not null,
  constraint hourly_arrivals_on_the_hour CHECK ((hour = date_trunc('hour'::text, hour, 'UTC'::text))),
  constraint hourly_arrivals_pkey PRIMARY KEY (path, hour)
);
alter table mirror.hourly_arrivals enable row level security;
create policy quest_mirror_reader on mirror.hourly_arrivals for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on mirror.hourly_arrivals for all to quest_mirror_writer using (true) with check (true);
grant select on mirror.hourly_arrivals to quest_mirror_reader;
grant select on mirror.hourly_arrivals to quest_mirror_writer;
comment on table mirror.hourly_arrivals is 'What Postgres took of each path in each hour, and how late; for the dashboard.';

create table mirror.identities (
  rtdb_user_id text collate "C" not null,
  app_user_id text collate "C" not null,
  imported_at timestamp with time zone not null default now(),
  constraint identities_ids_not_empty CHECK (((rtdb_user_id <> ''::text) AND (app_user_id <> ''::text))),
  constraint identities_pkey PRIMARY KEY (rtdb_user_id)
);
CREATE INDEX identities_app_user ON mirror.identities USING btree (app_user_id) INCLUDE (rtdb_user_id);
alter table mirror.identities enable row level security;
comment on table mirror.identities is 'RTDB''s user ids, and the ids by which the app''s own tables and tokens know the same users.';

create table mirror.identity (
  is_only boolean not null default true,
  instance text not null,
  host text not null,
  set_at timestamp with time zone not null default clock_timestamp(),
  constraint identity_is_one_row CHECK (is_only),
  constraint identity_pkey PRIMARY KEY (is_only)
);
alter table mirror.identity enable row level security;
create policy quest_mirror_api on mirror.identity for all to quest_mirror_api using (true) with check (true);
create policy quest_mirror_reader on mirror.identity for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on mirror.identity for all to quest_mirror_writer using (true) with check (true);
grant insert, select on mirror.identity to quest_mirror_api;
grant select on mirror.identity to quest_mirror_reader;
grant insert, select on mirror.identity to quest_mirror_writer;
comment on table mirror.identity is 'Which RTDB this database mirrors; set at first use.';

create table mirror.listings (
  path text not null,
  listed_at timestamp with time zone,
  listed_before timestamp with time zone,
  ended_at timestamp with time zone,
  began_at timestamp with time zone,
  after_key text,
  touched_to timestamp with time zone not null default clock_timestamp(),
  gap_at timestamp with time zone not null default '-infinity'::timestamp with time zone,
  constraint listings_pkey PRIMARY KEY (path)
);
alter table mirror.listings enable row level security;
create policy quest_mirror_api on mirror.listings for all to quest_mirror_api using (true) with check (true);
create policy quest_mirror_reader on mirror.listings for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on mirror.listings for all to quest_mirror_writer using (true) with check (true);
grant select on mirror.listings to quest_mirror_api;
grant select on mirror.listings to quest_mirror_reader;
grant select on mirror.listings to quest_mirror_writer;
comment on table mirror.listings is 'How far the proof has listed the shards of each path.';

create table mirror.locks (
  name text not null,
  constraint locks_pkey PRIMARY KEY (name)
);
alter table mirror.locks enable row level security;
create policy quest_mirror_reader on mirror.locks for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on mirror.locks for all to quest_mirror_writer using (true) with check (true);
grant insert, select, update on mirror.locks to quest_mirror_writer;
comment on table mirror.locks is 'What is done by one at a time locks its row here.';

create table mirror.paths (
  path text not null,
  ref text not null,
  relation text not null,
  key_columns text[] not null,
  other_columns jsonb not null,
  day_column text,
  visible_to text[] not null,
  declaration_hash text not null,
  began_at timestamp with time zone not null default clock_timestamp(),
  first_pass_at timestamp with time zone,
  columns_due_at timestamp with time zone,
  removed_at timestamp with time zone,
  constraint paths_path_is_name CHECK ((path ~ '^[a-z][a-z0-9_]{0,39}$'::text)),
  constraint paths_pkey PRIMARY KEY (path)
);
CREATE UNIQUE INDEX paths_ref_once ON mirror.paths USING btree (ref) WHERE (removed_at IS NULL);
alter table mirror.paths enable row level security;
create policy quest_mirror_api on mirror.paths for all to quest_mirror_api using (true) with check (true);
create policy quest_mirror_reader on mirror.paths for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on mirror.paths for all to quest_mirror_writer using (true) with check (true);
grant select on mirror.paths to quest_mirror_api;
grant select on mirror.paths to quest_mirror_reader;
grant select on mirror.paths to quest_mirror_writer;
comment on table mirror.paths is 'The mirrored paths, as their migrations declare them.';

create table mirror.rates (
  path text not null,
  hour timestamp with time zone not null,
  at timestamp with time zone not null,
  verdict text not null,
  reasons jsonb not null default '[]'::jsonb,
  verified_to timestamp with time zone,
  copy_keys bigint not null,
  copy_differing bigint not null,
  copy_unknown bigint not null,
  copy_lower double precision not null,
  copy_upper double precision not null,
  mirror_keys bigint not null,
  mirror_differing bigint not null,
  mirror_unknown bigint not null,
  mirror_lower double precision not null,
  mirror_upper double precision not null,
  shards bigint not null,
  unread_shards bigint not null,
  affected_shards bigint not null,
  oldest_full_at timestamp with time zone,
  constraint rates_are_ratios CHECK ((((0)::double precision <= copy_lower) AND (copy_lower <= copy_upper) AND (copy_upper <= (1)::double precision) AND ((0)::double precision <= mirror_lower) AND (mirror_lower <= mirror_upper) AND (mirror_upper <= (1)::double precision))),
  constraint rates_hour_is_full CHECK ((hour = date_trunc('hour'::text, at, 'UTC'::text))),
  constraint rates_pkey PRIMARY KEY (path, hour),
  constraint rates_verdict_known CHECK ((verdict = ANY (ARRAY['ready'::text, 'not_ready'::text, 'cannot_tell'::text])))
);
alter table mirror.rates enable row level security;
create policy quest_mirror_reader on mirror.rates for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on mirror.rates for all to quest_mirror_writer using (true) with check (true);
grant select on mirror.rates to quest_mirror_reader;
grant insert, select on mirror.rates to quest_mirror_writer;
comment on table mirror.rates is 'What the gate said of each path, once an hour; kept 400 days.';

create table mirror.reading_ages (
  path text not null,
  by_hours bigint[] not null,
  unread bigint not null,
  counted_at timestamp with time zone not null,
  constraint reading_ages_of_two_days CHECK ((cardinality(by_hours) = 49)),
  constraint reading_ages_pkey PRIMARY KEY (path)
);
alter table mirror.reading_ages enable row level security;
create policy quest_mirror_reader on mirror.reading_ages for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on mirror.reading_ages for all to quest_mirror_writer using (true) with check (true);
grant select on mirror.reading_ages to quest_mirror_reader;
grant select on mirror.reading_ages to quest_mirror_writer;
comment on table mirror.reading_ages is 'How many shards of each path were read how long ago; for the dashboard.';

create table mirror.reading_sums (
  path text not null,
  full_hour timestamp with time zone not null,
  part bigint not null,
  shards bigint not null,
  uncounted bigint not null,
  keys bigint not null,
  keys_or_one bigint not null,
  brought bigint not null,
  constraint reading_sums_pkey PRIMARY KEY (path, full_hour, part)
);
alter table mirror.reading_sums enable row level security;
create policy quest_mirror_reader on mirror.reading_sums for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on mirror.reading_sums for all to quest_mirror_writer using (true) with check (true);
grant select on mirror.reading_sums to quest_mirror_reader;
grant select on mirror.reading_sums to quest_mirror_writer;
comment on table mirror.reading_sums is 'Sums over mirror.readings by path and by the hour of the full reading, kept by its triggers.';

create table mirror.readings (
  path text not null,
  shard text collate "C" not null,
  first_seen_at timestamp with time zone not null default clock_timestamp(),
  read_at timestamp with time zone,
  read_from date,
  whole_at timestamp with time zone[] not null default '{}'::timestamp with time zone[],
  touched_at timestamp with time zone,
  full_at timestamp with time zone,
  keys integer not null default 0,
  counted_since timestamp with time zone,
  brought integer not null default 0,
  in_flight integer not null default 0,
  failed_at timestamp with time zone,
  error text,
  due_at timestamp with time zone not null default clock_timestamp(),
  is_full_due boolean not null default true,
  set_at timestamp with time zone,
  caught_up_at timestamp with time zone,
  listed_at timestamp with time zone,
  made_due_at timestamp with time zone,
  moved_at timestamp with time zone,
  taken_until timestamp with time zone,
  constraint readings_counts_not_negative CHECK (((keys >= 0) AND (brought >= 0) AND (in_flight >= 0))),
  constraint readings_pkey PRIMARY KEY (path, shard)
);
CREATE INDEX readings_brought ON mirror.readings USING btree (path, brought);
CREATE INDEX readings_due ON mirror.readings USING btree (path, due_at);
CREATE INDEX readings_failed ON mirror.readings USING btree (path) WHERE (failed_at IS NOT NULL);
CREATE INDEX readings_in_flight ON mirror.readings USING btree (path) WHERE (in_flight > 0);
CREATE INDEX readings_keys ON mirror.readings USING btree (path, keys);
CREATE INDEX readings_read ON mirror.readings USING btree (path, read_at);
CREATE INDEX readings_read_in_full ON mirror.readings USING btree (path, full_at);
CREATE INDEX readings_uncounted ON mirror.readings USING btree (path) WHERE (counted_since IS NULL);
CREATE INDEX readings_unread ON mirror.readings USING btree (path) WHERE ((full_at IS NULL) AND (failed_at IS NULL));
CREATE TRIGGER readings_inserted AFTER INSERT ON mirror.readings REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION mirror.sum_readings_inserted();
CREATE TRIGGER readings_removed AFTER DELETE ON mirror.readings REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION mirror.sum_readings_removed();
CREATE TRIGGER readings_truncated AFTER TRUNCATE ON mirror.readings FOR EACH STATEMENT EXECUTE FUNCTION mirror.sum_readings_removed();
CREATE TRIGGER readings_updated AFTER UPDATE ON mirror.readings REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION mirror.sum_readings_updated();
CREATE TRIGGER readings_without_erased BEFORE INSERT ON mirror.readings FOR EACH ROW EXECUTE FUNCTION mirror.leave_out_erased();
alter table mirror.readings enable row level security;
create policy quest_mirror_api on mirror.readings for all to quest_mirror_api using (true) with check (true);
create policy quest_mirror_reader on mirror.readings for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on mirror.readings for all to quest_mirror_writer using (true) with check (true);
grant select on mirror.readings to quest_mirror_api;
grant select on mirror.readings to quest_mirror_reader;
grant select on mirror.readings to quest_mirror_writer;
comment on table mirror.readings is 'What is known of each shard of each path, by its newest reading.';

create table mirror.suspects (
  path text not null,
  shard text collate "C" not null,
  key jsonb not null,
  looked_at timestamp with time zone not null,
  looks integer not null default 1,
  event_id text,
  mirrored_at timestamp with time zone,
  written_after timestamp with time zone,
  constraint suspects_looks_positive CHECK ((looks >= 1))
);
CREATE UNIQUE INDEX suspects_key ON mirror.suspects USING btree (md5(shard), path, md5((key)::text));
CREATE TRIGGER suspects_without_erased BEFORE INSERT ON mirror.suspects FOR EACH ROW EXECUTE FUNCTION mirror.leave_out_erased();
alter table mirror.suspects enable row level security;
create policy quest_mirror_api on mirror.suspects for all to quest_mirror_api using (true) with check (true);
create policy quest_mirror_reader on mirror.suspects for all to quest_mirror_reader using (true) with check (true);
create policy quest_mirror_writer on mirror.suspects for all to quest_mirror_writer using (true) with check (true);
grant select on mirror.suspects to quest_mirror_api;
grant select on mirror.suspects to quest_mirror_reader;
grant select on mirror.suspects to quest_mirror_writer;
comment on table mirror.suspects is 'Keys that differed at one look, and that are looked at again before they are said to differ.';

CREATE OR REPLACE FUNCTION mirror.apply_daily_quests(claims jsonb, lock_wait text, told jsonb)
 RETURNS TABLE(n integer, verdict text, lag_ms double precision, missed_event boolean, row_event_id text, row_payload jsonb, behind_ms double precision, before_hash text, payload_hash text)
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
#variable_conflict use_column
begin
  if not apply_daily_quests.told <@ '{"date_key": "date", "couple_id": "text", "quest_count": "integer"}'::jsonb then
    raise exception 'table rtdb.daily_quests lacks columns of the declaration, or has others by their names: %', (
      select string_agg(named.key || ' ' || (named.value #>> '{}'), ', ')
      from jsonb_each(apply_daily_quests.told) as named
      where not '{"date_key": "date", "couple_id": "text", "quest_count": "integer"}'::jsonb @> jsonb_build_object(named.key, named.value)
    ) using errcode = 'undefined_column';
  end if;
  perform set_config('lock_timeout', lock_wait, true);
  -- Tells the mirror's own writes from direct ones.
  perform set_config('mirror.writer', 'on', true);
  return query
  with claim as materialized (
    select c.*
    from jsonb_to_recordset(apply_daily_quests.claims) as c (
      n integer,
      ref text,
      _couple_id text collate "C", _date_key date, _quest_count integer,
      payload jsonb,
      event_id text,
      event_time timestamptz,
      before_known boolean,
      before_payload jsonb,
      -- In place of a value that is too large to send.
      before_hash text,
      settles_tie boolean,
      -- Of a removal beyond retention: a row that no event wrote since then outlives its leaf, if it is
      -- what was removed. Else a write is still on its way, which would revive the row.
      retained_before timestamptz,
      -- Where the event comes from, as long as the instance has not learnt that it is ours.
      instance text,
      host text,
      detail jsonb
    )
  ),
  -- Locks the rows that exist, in key order, as every writer does: no deadlocks. Under READ COMMITTED
  -- it returns what a concurrent writer left, not what the snapshot saw. Lateral, so that it is an
  -- index lookup for each claim whatever the planner thinks of the table's size. A row that someone
  -- inserts after the snapshot is not here; then the insert does nothing: contended.
  held as materialized (
    select c.n, q.*
    from claim as c
    cross join lateral (
      select q.origin, q.payload, q.event_id, q.event_time, q.tie_settled, q.mirrored_at
      from rtdb.daily_quests as q
      where (q.couple_id, q.date_key) = (c._couple_id, c._date_key)
      for update
    ) as q
  ),
  judged as materialized (
    select
      c.*,
      h.origin as held_origin,
      h.payload as held_payload,
      h.event_id as held_event_id,
      h.event_time as held_event_time,
      -- A row that was read from RTDB may be ahead of the writes before the reading.
      case
        when h.tie_settled or h.origin <> 'rtdb' then h.mirrored_at
        else '-infinity'
      end as held_read_at,
      case
        -- The first half is asked once a statement. In this statement, not before it: what waits for its lock on the
        -- table (mirror.await_writers) is seen by it.
        when
          (select mirror.erased_lengths()) is not null
          and mirror.is_erased(
            c._couple_id, array[]::text[], (select mirror.erased_lengths())
          )
        then 'erased'
        when c.instance is not null and not mirror.is_own_rtdb(c.instance, c.host) then 'foreign'
        when h.event_id = c.event_id then 'duplicate'
        when h.event_time < c.retained_before and (is_apart is not true or h.origin = 'client')
        then 'retained'
        when h.n is null then 'insert'
        when h.event_time > c.event_time then 'stale'
        when h.event_time < c.event_time then 'update'
        when h.payload is not distinct from c.payload then 'duplicate'
        when c.settles_tie then 'update'
        else 'tied'
      end as action,
      is_apart
    from claim as c
    left join held as h using (n)
    cross join lateral (
      -- Whether the write began from another state than the row shows.
      select c.before_known and case
        when c.before_hash is null then c.before_payload is distinct from h.payload
        else c.before_hash is distinct from mirror.value_hash(h.payload)
      end as is_apart
    ) as compared
  ),
  inserted as (
    insert into rtdb.daily_quests (
      couple_id, date_key, quest_count, payload, origin, event_id, event_time, deleted_at, tie_settled
    )
    select
      _couple_id, _date_key, _quest_count, payload, 'rtdb', event_id, event_time,
      case when payload is null then event_time end, settles_tie
    from judged
    where action = 'insert'
    order by n
    -- Of the key alone: a constraint of the team's is to say that it refuses the row.
    on conflict (couple_id, date_key) do nothing
    returning couple_id, date_key
  ),
  updated as (
    update rtdb.daily_quests as q
    set
      quest_count = case when j.payload is null or not apply_daily_quests.told ? 'quest_count' then q.quest_count else j._quest_count end,
      payload = j.payload,
      origin = 'rtdb',
      event_id = j.event_id,
      event_time = j.event_time,
      deleted_at = case when j.payload is null then j.event_time end,
      tie_settled = j.settles_tie,
      mirrored_at = clock_timestamp()
    from judged as j
    where j.action = 'update'
      and (q.couple_id, q.date_key) = (j._couple_id, j._date_key)
    returning j.n
  ),
  settled as materialized (
    select
      claim.*,
      case
        -- The row is locked, so nobody else is in the way.
        when claim.action = 'update' and u.n is null then 'dropped'
        when claim.action = 'update' then 'applied'
        when claim.action <> 'insert' then claim.action
        when i.couple_id is null then 'contended'
        -- The tombstone keeps a write that is still on its way from making a row.
        when claim.retained_before is not null then 'retained'
        else 'applied'
      end as verdict,
      -- An event before it is missing. A client's row is no witness of RTDB at all.
      claim.is_apart
        and not claim.settles_tie
        and claim.held_origin is distinct from 'client'
        and claim.event_time > coalesce(claim.held_read_at, '-infinity')
        as is_gap,
      claim.held_event_time is null and claim._date_key <= (select (p.began_at at time zone 'UTC')::date + 1 from mirror.paths as p where p.path = 'daily_quests') as may_be_older
    from judged as claim
    left join inserted as i on (i.couple_id, i.date_key) = (claim._couple_id, claim._date_key)
    left join updated as u on u.n = claim.n
  ),
  -- In the same statement: afterwards the row shows nothing of the gap, and a crash in between would
  -- lose it, since the event's redelivery is only a duplicate.
  logged as (
    insert into mirror.divergence_log as log (
      path, ref, shard, day, key, kind, cause, severity, detected_by,
      rtdb_value, postgres_value, detail, event_id, event_time
    )
    select
      'daily_quests', ref, _couple_id, _date_key, jsonb_build_object('couple_id', _couple_id, 'date_key', _date_key),
      'missed_event',
      case when may_be_older then 'before_mirroring' else 'unknown' end,
      case when may_be_older then 'info' else 'warning' end,
      'trigger',
      mirror.as_evidence(before_payload),
      mirror.as_evidence(held_payload),
      detail || jsonb_build_object(
        'row_event_id', held_event_id,
        'row_origin', held_origin,
        -- What would fill the gap: writes that lead from one state to the other in between.
        'gaps', jsonb_build_array(jsonb_build_object(
          'from_hash', mirror.value_hash(held_payload),
          'from_time', coalesce(held_event_time, '-infinity'),
          'to_hash', coalesce(before_hash, mirror.value_hash(before_payload)),
          'to_time', event_time
        ))
      ),
      event_id,
      event_time
    from settled
    where verdict = 'applied' and is_gap
    order by n
    on conflict (md5(ref), kind, path) where resolved_at is null do update
    set
      times_seen = log.times_seen + 1,
      last_seen_at = excluded.last_seen_at,
      -- A gap that someone should look at is not played down by one that is explained.
      cause = case when excluded.severity = 'info' then log.cause else excluded.cause end,
      severity = case when excluded.severity = 'info' then log.severity else excluded.severity end,
      rtdb_value = excluded.rtdb_value,
      postgres_value = excluded.postgres_value,
      detail = excluded.detail || mirror.few_gaps(
        coalesce(log.detail -> 'gaps', '[]') || (excluded.detail -> 'gaps'),
        coalesce((log.detail ->> 'gaps_dropped')::integer, 0)
      ),
      event_id = excluded.event_id,
      event_time = excluded.event_time
  )
  select
    n,
    verdict,
    (extract(epoch from clock_timestamp() - event_time) * 1000)::double precision as lag_ms,
    verdict = 'applied' and is_gap and not may_be_older as missed_event,
    held_event_id as row_event_id,
    case when verdict = 'stale' then mirror.as_evidence(held_payload) end as row_payload,
    case
      when verdict = 'stale'
      then (extract(epoch from held_event_time - event_time) * 1000)::double precision
    end as behind_ms,
    case
      when is_late then coalesce(before_hash, mirror.value_hash(before_payload))
    end as before_hash,
    case when is_late then mirror.value_hash(payload) end as payload_hash
  from settled
  cross join lateral (
    select
      verdict not in ('applied', 'foreign', 'retained', 'erased')
        and held_event_id is distinct from event_id as is_late
  ) as late;
end
$function$;
grant execute on function mirror.apply_daily_quests(jsonb,text,jsonb) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.apply_lp_awards(claims jsonb, lock_wait text, told jsonb)
 RETURNS TABLE(n integer, verdict text, lag_ms double precision, missed_event boolean, row_event_id text, row_payload jsonb, behind_ms double precision, before_hash text, payload_hash text)
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
#variable_conflict use_column
begin
  if not apply_lp_awards.told <@ '{"amount": "integer", "reason": "text", "award_id": "text", "couple_id": "text", "awarded_at": "timestamp with time zone", "multiplier": "integer", "related_id": "text"}'::jsonb then
    raise exception 'table rtdb.lp_awards lacks columns of the declaration, or has others by their names: %', (
      select string_agg(named.key || ' ' || (named.value #>> '{}'), ', ')
      from jsonb_each(apply_lp_awards.told) as named
      where not '{"amount": "integer", "reason": "text", "award_id": "text", "couple_id": "text", "awarded_at": "timestamp with time zone", "multiplier": "integer", "related_id": "text"}'::jsonb @> jsonb_build_object(named.key, named.value)
    ) using errcode = 'undefined_column';
  end if;
  perform set_config('lock_timeout', lock_wait, true);
  -- Tells the mirror's own writes from direct ones.
  perform set_config('mirror.writer', 'on', true);
  return query
  with claim as materialized (
    select c.*
    from jsonb_to_recordset(apply_lp_awards.claims) as c (
      n integer,
      ref text,
      _couple_id text collate "C", _award_id text collate "C", _amount integer, _reason text, _awarded_at timestamp with time zone, _multiplier integer, _related_id text,
      payload jsonb,
      event_id text,
      event_time timestamptz,
      before_known boolean,
      before_payload jsonb,
      -- In place of a value that is too large to send.
      before_hash text,
      settles_tie boolean,
      -- Of a removal beyond retention: a row that no event wrote since then outlives its leaf, if it is
      -- what was removed. Else a write is still on its way, which would revive the row.
      retained_before timestamptz,
      -- Where the event comes from, as long as the instance has not learnt that it is ours.
      instance text,
      host text,
      detail jsonb
    )
  ),
  -- Locks the rows that exist, in key order, as every writer does: no deadlocks. Under READ COMMITTED
  -- it returns what a concurrent writer left, not what the snapshot saw. Lateral, so that it is an
  -- index lookup for each claim whatever the planner thinks of the table's size. A row that someone
  -- inserts after the snapshot is not here; then the insert does nothing: contended.
  held as materialized (
    select c.n, q.*
    from claim as c
    cross join lateral (
      select q.origin, q.payload, q.event_id, q.event_time, q.tie_settled, q.mirrored_at
      from rtdb.lp_awards as q
      where (q.couple_id, q.award_id) = (c._couple_id, c._award_id)
      for update
    ) as q
  ),
  judged as materialized (
    select
      c.*,
      h.origin as held_origin,
      h.payload as held_payload,
      h.event_id as held_event_id,
      h.event_time as held_event_time,
      -- A row that was read from RTDB may be ahead of the writes before the reading.
      case
        when h.tie_settled or h.origin <> 'rtdb' then h.mirrored_at
        else '-infinity'
      end as held_read_at,
      case
        -- The first half is asked once a statement. In this statement, not before it: what waits for its lock on the
        -- table (mirror.await_writers) is seen by it.
        when
          (select mirror.erased_lengths()) is not null
          and mirror.is_erased(
            c._couple_id, array[c._award_id]::text[], (select mirror.erased_lengths())
          )
        then 'erased'
        when c.instance is not null and not mirror.is_own_rtdb(c.instance, c.host) then 'foreign'
        when h.event_id = c.event_id then 'duplicate'
        when h.event_time < c.retained_before and (is_apart is not true or h.origin = 'client')
        then 'retained'
        when h.n is null then 'insert'
        when h.event_time > c.event_time then 'stale'
        when h.event_time < c.event_time then 'update'
        when h.payload is not distinct from c.payload then 'duplicate'
        when c.settles_tie then 'update'
        else 'tied'
      end as action,
      is_apart
    from claim as c
    left join held as h using (n)
    cross join lateral (
      -- Whether the write began from another state than the row shows.
      select c.before_known and case
        when c.before_hash is null then c.before_payload is distinct from h.payload
        else c.before_hash is distinct from mirror.value_hash(h.payload)
      end as is_apart
    ) as compared
  ),
  inserted as (
    insert into rtdb.lp_awards (
      couple_id, award_id, amount, reason, awarded_at, multiplier, related_id, payload, origin, event_id, event_time, deleted_at, tie_settled
    )
    select
      _couple_id, _award_id, _amount, _reason, _awarded_at, _multiplier, _related_id, payload, 'rtdb', event_id, event_time,
      case when payload is null then event_time end, settles_tie
    from judged
    where action = 'insert'
    order by n
    -- Of the key alone: a constraint of the team's is to say that it refuses the row.
    on conflict (couple_id, award_id) do nothing
    returning couple_id, award_id
  ),
  updated as (
    update rtdb.lp_awards as q
    set
      amount = case when j.payload is null or not apply_lp_awards.told ? 'amount' then q.amount else j._amount end,
      reason = case when j.payload is null or not apply_lp_awards.told ? 'reason' then q.reason else j._reason end,
      awarded_at = case when j.payload is null or not apply_lp_awards.told ? 'awarded_at' then q.awarded_at else j._awarded_at end,
      multiplier = case when j.payload is null or not apply_lp_awards.told ? 'multiplier' then q.multiplier else j._multiplier end,
      related_id = case when j.payload is null or not apply_lp_awards.told ? 'related_id' then q.related_id else j._related_id end,
      payload = j.payload,
      origin = 'rtdb',
      event_id = j.event_id,
      event_time = j.event_time,
      deleted_at = case when j.payload is null then j.event_time end,
      tie_settled = j.settles_tie,
      mirrored_at = clock_timestamp()
    from judged as j
    where j.action = 'update'
      and (q.couple_id, q.award_id) = (j._couple_id, j._award_id)
    returning j.n
  ),
  settled as materialized (
    select
      claim.*,
      case
        -- The row is locked, so nobody else is in the way.
        when claim.action = 'update' and u.n is null then 'dropped'
        when claim.action = 'update' then 'applied'
        when claim.action <> 'insert' then claim.action
        when i.couple_id is null then 'contended'
        -- The tombstone keeps a write that is still on its way from making a row.
        when claim.retained_before is not null then 'retained'
        else 'applied'
      end as verdict,
      -- An event before it is missing. A client's row is no witness of RTDB at all.
      claim.is_apart
        and not claim.settles_tie
        and claim.held_origin is distinct from 'client'
        and claim.event_time > coalesce(claim.held_read_at, '-infinity')
        as is_gap,
      claim.held_event_time is null and (select p.first_pass_at is null from mirror.paths as p where p.path = 'lp_awards') as may_be_older
    from judged as claim
    left join inserted as i on (i.couple_id, i.award_id) = (claim._couple_id, claim._award_id)
    left join updated as u on u.n = claim.n
  ),
  -- In the same statement: afterwards the row shows nothing of the gap, and a crash in between would
  -- lose it, since the event's redelivery is only a duplicate.
  logged as (
    insert into mirror.divergence_log as log (
      path, ref, shard, day, key, kind, cause, severity, detected_by,
      rtdb_value, postgres_value, detail, event_id, event_time
    )
    select
      'lp_awards', ref, _couple_id, null::date, jsonb_build_object('couple_id', _couple_id, 'award_id', _award_id),
      'missed_event',
      case when may_be_older then 'unknown' else 'unknown' end,
      case when may_be_older then 'info' else 'warning' end,
      'trigger',
      mirror.as_evidence(before_payload),
      mirror.as_evidence(held_payload),
      detail || jsonb_build_object(
        'row_event_id', held_event_id,
        'row_origin', held_origin,
        -- What would fill the gap: writes that lead from one state to the other in between.
        'gaps', jsonb_build_array(jsonb_build_object(
          'from_hash', mirror.value_hash(held_payload),
          'from_time', coalesce(held_event_time, '-infinity'),
          'to_hash', coalesce(before_hash, mirror.value_hash(before_payload)),
          'to_time', event_time
        ))
      ),
      event_id,
      event_time
    from settled
    where verdict = 'applied' and is_gap
    order by n
    on conflict (md5(ref), kind, path) where resolved_at is null do update
    set
      times_seen = log.times_seen + 1,
      last_seen_at = excluded.last_seen_at,
      -- A gap that someone should look at is not played down by one that is explained.
      cause = case when excluded.severity = 'info' then log.cause else excluded.cause end,
      severity = case when excluded.severity = 'info' then log.severity else excluded.severity end,
      rtdb_value = excluded.rtdb_value,
      postgres_value = excluded.postgres_value,
      detail = excluded.detail || mirror.few_gaps(
        coalesce(log.detail -> 'gaps', '[]') || (excluded.detail -> 'gaps'),
        coalesce((log.detail ->> 'gaps_dropped')::integer, 0)
      ),
      event_id = excluded.event_id,
      event_time = excluded.event_time
  )
  select
    n,
    verdict,
    (extract(epoch from clock_timestamp() - event_time) * 1000)::double precision as lag_ms,
    verdict = 'applied' and is_gap and not may_be_older as missed_event,
    held_event_id as row_event_id,
    case when verdict = 'stale' then mirror.as_evidence(held_payload) end as row_payload,
    case
      when verdict = 'stale'
      then (extract(epoch from held_event_time - event_time) * 1000)::double precision
    end as behind_ms,
    case
      when is_late then coalesce(before_hash, mirror.value_hash(before_payload))
    end as before_hash,
    case when is_late then mirror.value_hash(payload) end as payload_hash
  from settled
  cross join lateral (
    select
      verdict not in ('applied', 'foreign', 'retained', 'erased')
        and held_event_id is distinct from event_id as is_late
  ) as late;
end
$function$;
grant execute on function mirror.apply_lp_awards(jsonb,text,jsonb) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.apply_memory_puzzles(claims jsonb, lock_wait text, told jsonb)
 RETURNS TABLE(n integer, verdict text, lag_ms double precision, missed_event boolean, row_event_id text, row_payload jsonb, behind_ms double precision, before_hash text, payload_hash text)
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
#variable_conflict use_column
begin
  if not apply_memory_puzzles.told <@ '{"status": "text", "couple_id": "text", "puzzle_id": "text", "created_by": "text", "total_pairs": "integer", "matched_pairs": "integer", "created_at_local": "text", "expires_at_local": "text"}'::jsonb then
    raise exception 'table rtdb.memory_puzzles lacks columns of the declaration, or has others by their names: %', (
      select string_agg(named.key || ' ' || (named.value #>> '{}'), ', ')
      from jsonb_each(apply_memory_puzzles.told) as named
      where not '{"status": "text", "couple_id": "text", "puzzle_id": "text", "created_by": "text", "total_pairs": "integer", "matched_pairs": "integer", "created_at_local": "text", "expires_at_local": "text"}'::jsonb @> jsonb_build_object(named.key, named.value)
    ) using errcode = 'undefined_column';
  end if;
  perform set_config('lock_timeout', lock_wait, true);
  -- Tells the mirror's own writes from direct ones.
  perform set_config('mirror.writer', 'on', true);
  return query
  with claim as materialized (
    select c.*
    from jsonb_to_recordset(apply_memory_puzzles.claims) as c (
      n integer,
      ref text,
      _couple_id text collate "C", _puzzle_id text collate "C", _status text, _created_by text, _total_pairs integer, _matched_pairs integer, _created_at_local text, _expires_at_local text,
      payload jsonb,
      event_id text,
      event_time timestamptz,
      before_known boolean,
      before_payload jsonb,
      -- In place of a value that is too large to send.
      before_hash text,
      settles_tie boolean,
      -- Of a removal beyond retention: a row that no event wrote since then outlives its leaf, if it is
      -- what was removed. Else a write is still on its way, which would revive the row.
      retained_before timestamptz,
      -- Where the event comes from, as long as the instance has not learnt that it is ours.
      instance text,
      host text,
      detail jsonb
    )
  ),
  -- Locks the rows that exist, in key order, as every writer does: no deadlocks. Under READ COMMITTED
  -- it returns what a concurrent writer left, not what the snapshot saw. Lateral, so that it is an
  -- index lookup for each claim whatever the planner thinks of the table's size. A row that someone
  -- inserts after the snapshot is not here; then the insert does nothing: contended.
  held as materialized (
    select c.n, q.*
    from claim as c
    cross join lateral (
      select q.origin, q.payload, q.event_id, q.event_time, q.tie_settled, q.mirrored_at
      from rtdb.memory_puzzles as q
      where (q.couple_id, q.puzzle_id) = (c._couple_id, c._puzzle_id)
      for update
    ) as q
  ),
  judged as materialized (
    select
      c.*,
      h.origin as held_origin,
      h.payload as held_payload,
      h.event_id as held_event_id,
      h.event_time as held_event_time,
      -- A row that was read from RTDB may be ahead of the writes before the reading.
      case
        when h.tie_settled or h.origin <> 'rtdb' then h.mirrored_at
        else '-infinity'
      end as held_read_at,
      case
        -- The first half is asked once a statement. In this statement, not before it: what waits for its lock on the
        -- table (mirror.await_writers) is seen by it.
        when
          (select mirror.erased_lengths()) is not null
          and mirror.is_erased(
            c._couple_id, array[c._puzzle_id]::text[], (select mirror.erased_lengths())
          )
        then 'erased'
        when c.instance is not null and not mirror.is_own_rtdb(c.instance, c.host) then 'foreign'
        when h.event_id = c.event_id then 'duplicate'
        when h.event_time < c.retained_before and (is_apart is not true or h.origin = 'client')
        then 'retained'
        when h.n is null then 'insert'
        when h.event_time > c.event_time then 'stale'
        when h.event_time < c.event_time then 'update'
        when h.payload is not distinct from c.payload then 'duplicate'
        when c.settles_tie then 'update'
        else 'tied'
      end as action,
      is_apart
    from claim as c
    left join held as h using (n)
    cross join lateral (
      -- Whether the write began from another state than the row shows.
      select c.before_known and case
        when c.before_hash is null then c.before_payload is distinct from h.payload
        else c.before_hash is distinct from mirror.value_hash(h.payload)
      end as is_apart
    ) as compared
  ),
  inserted as (
    insert into rtdb.memory_puzzles (
      couple_id, puzzle_id, status, created_by, total_pairs, matched_pairs, created_at_local, expires_at_local, payload, origin, event_id, event_time, deleted_at, tie_settled
    )
    select
      _couple_id, _puzzle_id, _status, _created_by, _total_pairs, _matched_pairs, _created_at_local, _expires_at_local, payload, 'rtdb', event_id, event_time,
      case when payload is null then event_time end, settles_tie
    from judged
    where action = 'insert'
    order by n
    -- Of the key alone: a constraint of the team's is to say that it refuses the row.
    on conflict (couple_id, puzzle_id) do nothing
    returning couple_id, puzzle_id
  ),
  updated as (
    update rtdb.memory_puzzles as q
    set
      status = case when j.payload is null or not apply_memory_puzzles.told ? 'status' then q.status else j._status end,
      created_by = case when j.payload is null or not apply_memory_puzzles.told ? 'created_by' then q.created_by else j._created_by end,
      total_pairs = case when j.payload is null or not apply_memory_puzzles.told ? 'total_pairs' then q.total_pairs else j._total_pairs end,
      matched_pairs = case when j.payload is null or not apply_memory_puzzles.told ? 'matched_pairs' then q.matched_pairs else j._matched_pairs end,
      created_at_local = case when j.payload is null or not apply_memory_puzzles.told ? 'created_at_local' then q.created_at_local else j._created_at_local end,
      expires_at_local = case when j.payload is null or not apply_memory_puzzles.told ? 'expires_at_local' then q.expires_at_local else j._expires_at_local end,
      payload = j.payload,
      origin = 'rtdb',
      event_id = j.event_id,
      event_time = j.event_time,
      deleted_at = case when j.payload is null then j.event_time end,
      tie_settled = j.settles_tie,
      mirrored_at = clock_timestamp()
    from judged as j
    where j.action = 'update'
      and (q.couple_id, q.puzzle_id) = (j._couple_id, j._puzzle_id)
    returning j.n
  ),
  settled as materialized (
    select
      claim.*,
      case
        -- The row is locked, so nobody else is in the way.
        when claim.action = 'update' and u.n is null then 'dropped'
        when claim.action = 'update' then 'applied'
        when claim.action <> 'insert' then claim.action
        when i.couple_id is null then 'contended'
        -- The tombstone keeps a write that is still on its way from making a row.
        when claim.retained_before is not null then 'retained'
        else 'applied'
      end as verdict,
      -- An event before it is missing. A client's row is no witness of RTDB at all.
      claim.is_apart
        and not claim.settles_tie
        and claim.held_origin is distinct from 'client'
        and claim.event_time > coalesce(claim.held_read_at, '-infinity')
        as is_gap,
      claim.held_event_time is null and (select p.first_pass_at is null from mirror.paths as p where p.path = 'memory_puzzles') as may_be_older
    from judged as claim
    left join inserted as i on (i.couple_id, i.puzzle_id) = (claim._couple_id, claim._puzzle_id)
    left join updated as u on u.n = claim.n
  ),
  -- In the same statement: afterwards the row shows nothing of the gap, and a crash in between would
  -- lose it, since the event's redelivery is only a duplicate.
  logged as (
    insert into mirror.divergence_log as log (
      path, ref, shard, day, key, kind, cause, severity, detected_by,
      rtdb_value, postgres_value, detail, event_id, event_time
    )
    select
      'memory_puzzles', ref, _couple_id, null::date, jsonb_build_object('couple_id', _couple_id, 'puzzle_id', _puzzle_id),
      'missed_event',
      case when may_be_older then 'unknown' else 'unknown' end,
      case when may_be_older then 'info' else 'warning' end,
      'trigger',
      mirror.as_evidence(before_payload),
      mirror.as_evidence(held_payload),
      detail || jsonb_build_object(
        'row_event_id', held_event_id,
        'row_origin', held_origin,
        -- What would fill the gap: writes that lead from one state to the other in between.
        'gaps', jsonb_build_array(jsonb_build_object(
          'from_hash', mirror.value_hash(held_payload),
          'from_time', coalesce(held_event_time, '-infinity'),
          'to_hash', coalesce(before_hash, mirror.value_hash(before_payload)),
          'to_time', event_time
        ))
      ),
      event_id,
      event_time
    from settled
    where verdict = 'applied' and is_gap
    order by n
    on conflict (md5(ref), kind, path) where resolved_at is null do update
    set
      times_seen = log.times_seen + 1,
      last_seen_at = excluded.last_seen_at,
      -- A gap that someone should look at is not played down by one that is explained.
      cause = case when excluded.severity = 'info' then log.cause else excluded.cause end,
      severity = case when excluded.severity = 'info' then log.severity else excluded.severity end,
      rtdb_value = excluded.rtdb_value,
      postgres_value = excluded.postgres_value,
      detail = excluded.detail || mirror.few_gaps(
        coalesce(log.detail -> 'gaps', '[]') || (excluded.detail -> 'gaps'),
        coalesce((log.detail ->> 'gaps_dropped')::integer, 0)
      ),
      event_id = excluded.event_id,
      event_time = excluded.event_time
  )
  select
    n,
    verdict,
    (extract(epoch from clock_timestamp() - event_time) * 1000)::double precision as lag_ms,
    verdict = 'applied' and is_gap and not may_be_older as missed_event,
    held_event_id as row_event_id,
    case when verdict = 'stale' then mirror.as_evidence(held_payload) end as row_payload,
    case
      when verdict = 'stale'
      then (extract(epoch from held_event_time - event_time) * 1000)::double precision
    end as behind_ms,
    case
      when is_late then coalesce(before_hash, mirror.value_hash(before_payload))
    end as before_hash,
    case when is_late then mirror.value_hash(payload) end as payload_hash
  from settled
  cross join lateral (
    select
      verdict not in ('applied', 'foreign', 'retained', 'erased')
        and held_event_id is distinct from event_id as is_late
  ) as late;
end
$function$;
grant execute on function mirror.apply_memory_puzzles(jsonb,text,jsonb) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.apply_quest_completions(claims jsonb, lock_wait text, told jsonb)
 RETURNS TABLE(n integer, verdict text, lag_ms double precision, missed_event boolean, row_event_id text, row_payload jsonb, behind_ms double precision, before_hash text, payload_hash text)
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
#variable_conflict use_column
begin
  if not apply_quest_completions.told <@ '{"user_id": "text", "date_key": "date", "quest_id": "text", "couple_id": "text", "partner_id": "text", "completed_at": "timestamp with time zone"}'::jsonb then
    raise exception 'table rtdb.quest_completions lacks columns of the declaration, or has others by their names: %', (
      select string_agg(named.key || ' ' || (named.value #>> '{}'), ', ')
      from jsonb_each(apply_quest_completions.told) as named
      where not '{"user_id": "text", "date_key": "date", "quest_id": "text", "couple_id": "text", "partner_id": "text", "completed_at": "timestamp with time zone"}'::jsonb @> jsonb_build_object(named.key, named.value)
    ) using errcode = 'undefined_column';
  end if;
  perform set_config('lock_timeout', lock_wait, true);
  -- Tells the mirror's own writes from direct ones.
  perform set_config('mirror.writer', 'on', true);
  return query
  with claim as materialized (
    select c.*
    from jsonb_to_recordset(apply_quest_completions.claims) as c (
      n integer,
      ref text,
      _couple_id text collate "C", _date_key date, _quest_id text collate "C", _user_id text collate "C", _partner_id text collate "C", _completed_at timestamp with time zone,
      payload jsonb,
      event_id text,
      event_time timestamptz,
      before_known boolean,
      before_payload jsonb,
      -- In place of a value that is too large to send.
      before_hash text,
      settles_tie boolean,
      -- Of a removal beyond retention: a row that no event wrote since then outlives its leaf, if it is
      -- what was removed. Else a write is still on its way, which would revive the row.
      retained_before timestamptz,
      -- Where the event comes from, as long as the instance has not learnt that it is ours.
      instance text,
      host text,
      detail jsonb
    )
  ),
  -- Locks the rows that exist, in key order, as every writer does: no deadlocks. Under READ COMMITTED
  -- it returns what a concurrent writer left, not what the snapshot saw. Lateral, so that it is an
  -- index lookup for each claim whatever the planner thinks of the table's size. A row that someone
  -- inserts after the snapshot is not here; then the insert does nothing: contended.
  held as materialized (
    select c.n, q.*
    from claim as c
    cross join lateral (
      select q.origin, q.payload, q.event_id, q.event_time, q.tie_settled, q.mirrored_at
      from rtdb.quest_completions as q
      where (q.couple_id, q.date_key, q.quest_id, q.user_id) = (c._couple_id, c._date_key, c._quest_id, c._user_id)
      for update
    ) as q
  ),
  judged as materialized (
    select
      c.*,
      h.origin as held_origin,
      h.payload as held_payload,
      h.event_id as held_event_id,
      h.event_time as held_event_time,
      -- A row that was read from RTDB may be ahead of the writes before the reading.
      case
        when h.tie_settled or h.origin <> 'rtdb' then h.mirrored_at
        else '-infinity'
      end as held_read_at,
      case
        -- The first half is asked once a statement. In this statement, not before it: what waits for its lock on the
        -- table (mirror.await_writers) is seen by it.
        when
          (select mirror.erased_lengths()) is not null
          and mirror.is_erased(
            c._couple_id, array[c._quest_id, c._user_id]::text[], (select mirror.erased_lengths())
          )
        then 'erased'
        when c.instance is not null and not mirror.is_own_rtdb(c.instance, c.host) then 'foreign'
        when h.event_id = c.event_id then 'duplicate'
        when h.event_time < c.retained_before and (is_apart is not true or h.origin = 'client')
        then 'retained'
        when h.n is null then 'insert'
        when h.event_time > c.event_time then 'stale'
        when h.event_time < c.event_time then 'update'
        when h.payload is not distinct from c.payload then 'duplicate'
        when c.settles_tie then 'update'
        else 'tied'
      end as action,
      is_apart
    from claim as c
    left join held as h using (n)
    cross join lateral (
      -- Whether the write began from another state than the row shows.
      select c.before_known and case
        when c.before_hash is null then c.before_payload is distinct from h.payload
        else c.before_hash is distinct from mirror.value_hash(h.payload)
      end as is_apart
    ) as compared
  ),
  inserted as (
    insert into rtdb.quest_completions (
      couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_id, event_time, deleted_at, tie_settled
    )
    select
      _couple_id, _date_key, _quest_id, _user_id, _partner_id, _completed_at, payload, 'rtdb', event_id, event_time,
      case when payload is null then event_time end, settles_tie
    from judged
    where action = 'insert'
    order by n
    -- Of the key alone: a constraint of the team's is to say that it refuses the row.
    on conflict (couple_id, date_key, quest_id, user_id) do nothing
    returning couple_id, date_key, quest_id, user_id
  ),
  updated as (
    update rtdb.quest_completions as q
    set
      partner_id = case when j.payload is null or not apply_quest_completions.told ? 'partner_id' then q.partner_id else j._partner_id end,
      completed_at = case when j.payload is null or not apply_quest_completions.told ? 'completed_at' then q.completed_at else j._completed_at end,
      payload = j.payload,
      origin = 'rtdb',
      event_id = j.event_id,
      event_time = j.event_time,
      deleted_at = case when j.payload is null then j.event_time end,
      tie_settled = j.settles_tie,
      mirrored_at = clock_timestamp()
    from judged as j
    where j.action = 'update'
      and (q.couple_id, q.date_key, q.quest_id, q.user_id) = (j._couple_id, j._date_key, j._quest_id, j._user_id)
    returning j.n
  ),
  settled as materialized (
    select
      claim.*,
      case
        -- The row is locked, so nobody else is in the way.
        when claim.action = 'update' and u.n is null then 'dropped'
        when claim.action = 'update' then 'applied'
        when claim.action <> 'insert' then claim.action
        when i.couple_id is null then 'contended'
        -- The tombstone keeps a write that is still on its way from making a row.
        when claim.retained_before is not null then 'retained'
        else 'applied'
      end as verdict,
      -- An event before it is missing. A client's row is no witness of RTDB at all.
      claim.is_apart
        and not claim.settles_tie
        and claim.held_origin is distinct from 'client'
        and claim.event_time > coalesce(claim.held_read_at, '-infinity')
        as is_gap,
      claim.held_event_time is null and claim._date_key <= (select (p.began_at at time zone 'UTC')::date + 1 from mirror.paths as p where p.path = 'quest_completions') as may_be_older
    from judged as claim
    left join inserted as i on (i.couple_id, i.date_key, i.quest_id, i.user_id) = (claim._couple_id, claim._date_key, claim._quest_id, claim._user_id)
    left join updated as u on u.n = claim.n
  ),
  -- In the same statement: afterwards the row shows nothing of the gap, and a crash in between would
  -- lose it, since the event's redelivery is only a duplicate.
  logged as (
    insert into mirror.divergence_log as log (
      path, ref, shard, day, key, kind, cause, severity, detected_by,
      rtdb_value, postgres_value, detail, event_id, event_time
    )
    select
      'quest_completions', ref, _couple_id, _date_key, jsonb_build_object('couple_id', _couple_id, 'date_key', _date_key, 'quest_id', _quest_id, 'user_id', _user_id),
      'missed_event',
      case when may_be_older then 'before_mirroring' else 'unknown' end,
      case when may_be_older then 'info' else 'warning' end,
      'trigger',
      mirror.as_evidence(before_payload),
      mirror.as_evidence(held_payload),
      detail || jsonb_build_object(
        'row_event_id', held_event_id,
        'row_origin', held_origin,
        -- What would fill the gap: writes that lead from one state to the other in between.
        'gaps', jsonb_build_array(jsonb_build_object(
          'from_hash', mirror.value_hash(held_payload),
          'from_time', coalesce(held_event_time, '-infinity'),
          'to_hash', coalesce(before_hash, mirror.value_hash(before_payload)),
          'to_time', event_time
        ))
      ),
      event_id,
      event_time
    from settled
    where verdict = 'applied' and is_gap
    order by n
    on conflict (md5(ref), kind, path) where resolved_at is null do update
    set
      times_seen = log.times_seen + 1,
      last_seen_at = excluded.last_seen_at,
      -- A gap that someone should look at is not played down by one that is explained.
      cause = case when excluded.severity = 'info' then log.cause else excluded.cause end,
      severity = case when excluded.severity = 'info' then log.severity else excluded.severity end,
      rtdb_value = excluded.rtdb_value,
      postgres_value = excluded.postgres_value,
      detail = excluded.detail || mirror.few_gaps(
        coalesce(log.detail -> 'gaps', '[]') || (excluded.detail -> 'gaps'),
        coalesce((log.detail ->> 'gaps_dropped')::integer, 0)
      ),
      event_id = excluded.event_id,
      event_time = excluded.event_time
  )
  select
    n,
    verdict,
    (extract(epoch from clock_timestamp() - event_time) * 1000)::double precision as lag_ms,
    verdict = 'applied' and is_gap and not may_be_older as missed_event,
    held_event_id as row_event_id,
    case when verdict = 'stale' then mirror.as_evidence(held_payload) end as row_payload,
    case
      when verdict = 'stale'
      then (extract(epoch from held_event_time - event_time) * 1000)::double precision
    end as behind_ms,
    case
      when is_late then coalesce(before_hash, mirror.value_hash(before_payload))
    end as before_hash,
    case when is_late then mirror.value_hash(payload) end as payload_hash
  from settled
  cross join lateral (
    select
      verdict not in ('applied', 'foreign', 'retained', 'erased')
        and held_event_id is distinct from event_id as is_late
  ) as late;
end
$function$;
grant execute on function mirror.apply_quest_completions(jsonb,text,jsonb) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.apply_quiz_progression(claims jsonb, lock_wait text, told jsonb)
 RETURNS TABLE(n integer, verdict text, lag_ms double precision, missed_event boolean, row_event_id text, row_payload jsonb, behind_ms double precision, before_hash text, payload_hash text)
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
#variable_conflict use_column
begin
  if not apply_quiz_progression.told <@ '{"couple_id": "text", "created_at": "timestamp with time zone", "current_track": "integer", "current_position": "integer", "last_completed_at": "timestamp with time zone", "total_quizzes_completed": "integer", "has_completed_all_tracks": "boolean"}'::jsonb then
    raise exception 'table rtdb.quiz_progression lacks columns of the declaration, or has others by their names: %', (
      select string_agg(named.key || ' ' || (named.value #>> '{}'), ', ')
      from jsonb_each(apply_quiz_progression.told) as named
      where not '{"couple_id": "text", "created_at": "timestamp with time zone", "current_track": "integer", "current_position": "integer", "last_completed_at": "timestamp with time zone", "total_quizzes_completed": "integer", "has_completed_all_tracks": "boolean"}'::jsonb @> jsonb_build_object(named.key, named.value)
    ) using errcode = 'undefined_column';
  end if;
  perform set_config('lock_timeout', lock_wait, true);
  -- Tells the mirror's own writes from direct ones.
  perform set_config('mirror.writer', 'on', true);
  return query
  with claim as materialized (
    select c.*
    from jsonb_to_recordset(apply_quiz_progression.claims) as c (
      n integer,
      ref text,
      _couple_id text collate "C", _created_at timestamp with time zone, _current_track integer, _current_position integer, _last_completed_at timestamp with time zone, _total_quizzes_completed integer, _has_completed_all_tracks boolean,
      payload jsonb,
      event_id text,
      event_time timestamptz,
      before_known boolean,
      before_payload jsonb,
      -- In place of a value that is too large to send.
      before_hash text,
      settles_tie boolean,
      -- Of a removal beyond retention: a row that no event wrote since then outlives its leaf, if it is
      -- what was removed. Else a write is still on its way, which would revive the row.
      retained_before timestamptz,
      -- Where the event comes from, as long as the instance has not learnt that it is ours.
      instance text,
      host text,
      detail jsonb
    )
  ),
  -- Locks the rows that exist, in key order, as every writer does: no deadlocks. Under READ COMMITTED
  -- it returns what a concurrent writer left, not what the snapshot saw. Lateral, so that it is an
  -- index lookup for each claim whatever the planner thinks of the table's size. A row that someone
  -- inserts after the snapshot is not here; then the insert does nothing: contended.
  held as materialized (
    select c.n, q.*
    from claim as c
    cross join lateral (
      select q.origin, q.payload, q.event_id, q.event_time, q.tie_settled, q.mirrored_at
      from rtdb.quiz_progression as q
      where (q.couple_id) = (c._couple_id)
      for update
    ) as q
  ),
  judged as materialized (
    select
      c.*,
      h.origin as held_origin,
      h.payload as held_payload,
      h.event_id as held_event_id,
      h.event_time as held_event_time,
      -- A row that was read from RTDB may be ahead of the writes before the reading.
      case
        when h.tie_settled or h.origin <> 'rtdb' then h.mirrored_at
        else '-infinity'
      end as held_read_at,
      case
        -- The first half is asked once a statement. In this statement, not before it: what waits for its lock on the
        -- table (mirror.await_writers) is seen by it.
        when
          (select mirror.erased_lengths()) is not null
          and mirror.is_erased(
            c._couple_id, array[]::text[], (select mirror.erased_lengths())
          )
        then 'erased'
        when c.instance is not null and not mirror.is_own_rtdb(c.instance, c.host) then 'foreign'
        when h.event_id = c.event_id then 'duplicate'
        when h.event_time < c.retained_before and (is_apart is not true or h.origin = 'client')
        then 'retained'
        when h.n is null then 'insert'
        when h.event_time > c.event_time then 'stale'
        when h.event_time < c.event_time then 'update'
        when h.payload is not distinct from c.payload then 'duplicate'
        when c.settles_tie then 'update'
        else 'tied'
      end as action,
      is_apart
    from claim as c
    left join held as h using (n)
    cross join lateral (
      -- Whether the write began from another state than the row shows.
      select c.before_known and case
        when c.before_hash is null then c.before_payload is distinct from h.payload
        else c.before_hash is distinct from mirror.value_hash(h.payload)
      end as is_apart
    ) as compared
  ),
  inserted as (
    insert into rtdb.quiz_progression (
      couple_id, created_at, current_track, current_position, last_completed_at, total_quizzes_completed, has_completed_all_tracks, payload, origin, event_id, event_time, deleted_at, tie_settled
    )
    select
      _couple_id, _created_at, _current_track, _current_position, _last_completed_at, _total_quizzes_completed, _has_completed_all_tracks, payload, 'rtdb', event_id, event_time,
      case when payload is null then event_time end, settles_tie
    from judged
    where action = 'insert'
    order by n
    -- Of the key alone: a constraint of the team's is to say that it refuses the row.
    on conflict (couple_id) do nothing
    returning couple_id
  ),
  updated as (
    update rtdb.quiz_progression as q
    set
      created_at = case when j.payload is null or not apply_quiz_progression.told ? 'created_at' then q.created_at else j._created_at end,
      current_track = case when j.payload is null or not apply_quiz_progression.told ? 'current_track' then q.current_track else j._current_track end,
      current_position = case when j.payload is null or not apply_quiz_progression.told ? 'current_position' then q.current_position else j._current_position end,
      last_completed_at = case when j.payload is null or not apply_quiz_progression.told ? 'last_completed_at' then q.last_completed_at else j._last_completed_at end,
      total_quizzes_completed = case when j.payload is null or not apply_quiz_progression.told ? 'total_quizzes_completed' then q.total_quizzes_completed else j._total_quizzes_completed end,
      has_completed_all_tracks = case when j.payload is null or not apply_quiz_progression.told ? 'has_completed_all_tracks' then q.has_completed_all_tracks else j._has_completed_all_tracks end,
      payload = j.payload,
      origin = 'rtdb',
      event_id = j.event_id,
      event_time = j.event_time,
      deleted_at = case when j.payload is null then j.event_time end,
      tie_settled = j.settles_tie,
      mirrored_at = clock_timestamp()
    from judged as j
    where j.action = 'update'
      and (q.couple_id) = (j._couple_id)
    returning j.n
  ),
  settled as materialized (
    select
      claim.*,
      case
        -- The row is locked, so nobody else is in the way.
        when claim.action = 'update' and u.n is null then 'dropped'
        when claim.action = 'update' then 'applied'
        when claim.action <> 'insert' then claim.action
        when i.couple_id is null then 'contended'
        -- The tombstone keeps a write that is still on its way from making a row.
        when claim.retained_before is not null then 'retained'
        else 'applied'
      end as verdict,
      -- An event before it is missing. A client's row is no witness of RTDB at all.
      claim.is_apart
        and not claim.settles_tie
        and claim.held_origin is distinct from 'client'
        and claim.event_time > coalesce(claim.held_read_at, '-infinity')
        as is_gap,
      claim.held_event_time is null and (select p.first_pass_at is null from mirror.paths as p where p.path = 'quiz_progression') as may_be_older
    from judged as claim
    left join inserted as i on (i.couple_id) = (claim._couple_id)
    left join updated as u on u.n = claim.n
  ),
  -- In the same statement: afterwards the row shows nothing of the gap, and a crash in between would
  -- lose it, since the event's redelivery is only a duplicate.
  logged as (
    insert into mirror.divergence_log as log (
      path, ref, shard, day, key, kind, cause, severity, detected_by,
      rtdb_value, postgres_value, detail, event_id, event_time
    )
    select
      'quiz_progression', ref, _couple_id, null::date, jsonb_build_object('couple_id', _couple_id),
      'missed_event',
      case when may_be_older then 'unknown' else 'unknown' end,
      case when may_be_older then 'info' else 'warning' end,
      'trigger',
      mirror.as_evidence(before_payload),
      mirror.as_evidence(held_payload),
      detail || jsonb_build_object(
        'row_event_id', held_event_id,
        'row_origin', held_origin,
        -- What would fill the gap: writes that lead from one state to the other in between.
        'gaps', jsonb_build_array(jsonb_build_object(
          'from_hash', mirror.value_hash(held_payload),
          'from_time', coalesce(held_event_time, '-infinity'),
          'to_hash', coalesce(before_hash, mirror.value_hash(before_payload)),
          'to_time', event_time
        ))
      ),
      event_id,
      event_time
    from settled
    where verdict = 'applied' and is_gap
    order by n
    on conflict (md5(ref), kind, path) where resolved_at is null do update
    set
      times_seen = log.times_seen + 1,
      last_seen_at = excluded.last_seen_at,
      -- A gap that someone should look at is not played down by one that is explained.
      cause = case when excluded.severity = 'info' then log.cause else excluded.cause end,
      severity = case when excluded.severity = 'info' then log.severity else excluded.severity end,
      rtdb_value = excluded.rtdb_value,
      postgres_value = excluded.postgres_value,
      detail = excluded.detail || mirror.few_gaps(
        coalesce(log.detail -> 'gaps', '[]') || (excluded.detail -> 'gaps'),
        coalesce((log.detail ->> 'gaps_dropped')::integer, 0)
      ),
      event_id = excluded.event_id,
      event_time = excluded.event_time
  )
  select
    n,
    verdict,
    (extract(epoch from clock_timestamp() - event_time) * 1000)::double precision as lag_ms,
    verdict = 'applied' and is_gap and not may_be_older as missed_event,
    held_event_id as row_event_id,
    case when verdict = 'stale' then mirror.as_evidence(held_payload) end as row_payload,
    case
      when verdict = 'stale'
      then (extract(epoch from held_event_time - event_time) * 1000)::double precision
    end as behind_ms,
    case
      when is_late then coalesce(before_hash, mirror.value_hash(before_payload))
    end as before_hash,
    case when is_late then mirror.value_hash(payload) end as payload_hash
  from settled
  cross join lateral (
    select
      verdict not in ('applied', 'foreign', 'retained', 'erased')
        and held_event_id is distinct from event_id as is_late
  ) as late;
end
$function$;
grant execute on function mirror.apply_quiz_progression(jsonb,text,jsonb) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.apply_quiz_sessions(claims jsonb, lock_wait text, told jsonb)
 RETURNS TABLE(n integer, verdict text, lag_ms double precision, missed_event boolean, row_event_id text, row_payload jsonb, behind_ms double precision, before_hash text, payload_hash text)
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
#variable_conflict use_column
begin
  if not apply_quiz_sessions.told <@ '{"status": "text", "couple_id": "text", "lp_earned": "integer", "created_at": "timestamp with time zone", "expires_at": "timestamp with time zone", "session_id": "text", "format_type": "text", "completed_at": "timestamp with time zone", "initiated_by": "text", "is_daily_quest": "boolean", "subject_user_id": "text", "match_percentage": "integer", "alignment_matches": "integer"}'::jsonb then
    raise exception 'table rtdb.quiz_sessions lacks columns of the declaration, or has others by their names: %', (
      select string_agg(named.key || ' ' || (named.value #>> '{}'), ', ')
      from jsonb_each(apply_quiz_sessions.told) as named
      where not '{"status": "text", "couple_id": "text", "lp_earned": "integer", "created_at": "timestamp with time zone", "expires_at": "timestamp with time zone", "session_id": "text", "format_type": "text", "completed_at": "timestamp with time zone", "initiated_by": "text", "is_daily_quest": "boolean", "subject_user_id": "text", "match_percentage": "integer", "alignment_matches": "integer"}'::jsonb @> jsonb_build_object(named.key, named.value)
    ) using errcode = 'undefined_column';
  end if;
  perform set_config('lock_timeout', lock_wait, true);
  -- Tells the mirror's own writes from direct ones.
  perform set_config('mirror.writer', 'on', true);
  return query
  with claim as materialized (
    select c.*
    from jsonb_to_recordset(apply_quiz_sessions.claims) as c (
      n integer,
      ref text,
      _couple_id text collate "C", _session_id text collate "C", _status text, _lp_earned integer, _created_at timestamp with time zone, _expires_at timestamp with time zone, _format_type text, _completed_at timestamp with time zone, _initiated_by text, _is_daily_quest boolean, _subject_user_id text, _match_percentage integer, _alignment_matches integer,
      payload jsonb,
      event_id text,
      event_time timestamptz,
      before_known boolean,
      before_payload jsonb,
      -- In place of a value that is too large to send.
      before_hash text,
      settles_tie boolean,
      -- Of a removal beyond retention: a row that no event wrote since then outlives its leaf, if it is
      -- what was removed. Else a write is still on its way, which would revive the row.
      retained_before timestamptz,
      -- Where the event comes from, as long as the instance has not learnt that it is ours.
      instance text,
      host text,
      detail jsonb
    )
  ),
  -- Locks the rows that exist, in key order, as every writer does: no deadlocks. Under READ COMMITTED
  -- it returns what a concurrent writer left, not what the snapshot saw. Lateral, so that it is an
  -- index lookup for each claim whatever the planner thinks of the table's size. A row that someone
  -- inserts after the snapshot is not here; then the insert does nothing: contended.
  held as materialized (
    select c.n, q.*
    from claim as c
    cross join lateral (
      select q.origin, q.payload, q.event_id, q.event_time, q.tie_settled, q.mirrored_at
      from rtdb.quiz_sessions as q
      where (q.couple_id, q.session_id) = (c._couple_id, c._session_id)
      for update
    ) as q
  ),
  judged as materialized (
    select
      c.*,
      h.origin as held_origin,
      h.payload as held_payload,
      h.event_id as held_event_id,
      h.event_time as held_event_time,
      -- A row that was read from RTDB may be ahead of the writes before the reading.
      case
        when h.tie_settled or h.origin <> 'rtdb' then h.mirrored_at
        else '-infinity'
      end as held_read_at,
      case
        -- The first half is asked once a statement. In this statement, not before it: what waits for its lock on the
        -- table (mirror.await_writers) is seen by it.
        when
          (select mirror.erased_lengths()) is not null
          and mirror.is_erased(
            c._couple_id, array[c._session_id]::text[], (select mirror.erased_lengths())
          )
        then 'erased'
        when c.instance is not null and not mirror.is_own_rtdb(c.instance, c.host) then 'foreign'
        when h.event_id = c.event_id then 'duplicate'
        when h.event_time < c.retained_before and (is_apart is not true or h.origin = 'client')
        then 'retained'
        when h.n is null then 'insert'
        when h.event_time > c.event_time then 'stale'
        when h.event_time < c.event_time then 'update'
        when h.payload is not distinct from c.payload then 'duplicate'
        when c.settles_tie then 'update'
        else 'tied'
      end as action,
      is_apart
    from claim as c
    left join held as h using (n)
    cross join lateral (
      -- Whether the write began from another state than the row shows.
      select c.before_known and case
        when c.before_hash is null then c.before_payload is distinct from h.payload
        else c.before_hash is distinct from mirror.value_hash(h.payload)
      end as is_apart
    ) as compared
  ),
  inserted as (
    insert into rtdb.quiz_sessions (
      couple_id, session_id, status, lp_earned, created_at, expires_at, format_type, completed_at, initiated_by, is_daily_quest, subject_user_id, match_percentage, alignment_matches, payload, origin, event_id, event_time, deleted_at, tie_settled
    )
    select
      _couple_id, _session_id, _status, _lp_earned, _created_at, _expires_at, _format_type, _completed_at, _initiated_by, _is_daily_quest, _subject_user_id, _match_percentage, _alignment_matches, payload, 'rtdb', event_id, event_time,
      case when payload is null then event_time end, settles_tie
    from judged
    where action = 'insert'
    order by n
    -- Of the key alone: a constraint of the team's is to say that it refuses the row.
    on conflict (couple_id, session_id) do nothing
    returning couple_id, session_id
  ),
  updated as (
    update rtdb.quiz_sessions as q
    set
      status = case when j.payload is null or not apply_quiz_sessions.told ? 'status' then q.status else j._status end,
      lp_earned = case when j.payload is null or not apply_quiz_sessions.told ? 'lp_earned' then q.lp_earned else j._lp_earned end,
      created_at = case when j.payload is null or not apply_quiz_sessions.told ? 'created_at' then q.created_at else j._created_at end,
      expires_at = case when j.payload is null or not apply_quiz_sessions.told ? 'expires_at' then q.expires_at else j._expires_at end,
      format_type = case when j.payload is null or not apply_quiz_sessions.told ? 'format_type' then q.format_type else j._format_type end,
      completed_at = case when j.payload is null or not apply_quiz_sessions.told ? 'completed_at' then q.completed_at else j._completed_at end,
      initiated_by = case when j.payload is null or not apply_quiz_sessions.told ? 'initiated_by' then q.initiated_by else j._initiated_by end,
      is_daily_quest = case when j.payload is null or not apply_quiz_sessions.told ? 'is_daily_quest' then q.is_daily_quest else j._is_daily_quest end,
      subject_user_id = case when j.payload is null or not apply_quiz_sessions.told ? 'subject_user_id' then q.subject_user_id else j._subject_user_id end,
      match_percentage = case when j.payload is null or not apply_quiz_sessions.told ? 'match_percentage' then q.match_percentage else j._match_percentage end,
      alignment_matches = case when j.payload is null or not apply_quiz_sessions.told ? 'alignment_matches' then q.alignment_matches else j._alignment_matches end,
      payload = j.payload,
      origin = 'rtdb',
      event_id = j.event_id,
      event_time = j.event_time,
      deleted_at = case when j.payload is null then j.event_time end,
      tie_settled = j.settles_tie,
      mirrored_at = clock_timestamp()
    from judged as j
    where j.action = 'update'
      and (q.couple_id, q.session_id) = (j._couple_id, j._session_id)
    returning j.n
  ),
  settled as materialized (
    select
      claim.*,
      case
        -- The row is locked, so nobody else is in the way.
        when claim.action = 'update' and u.n is null then 'dropped'
        when claim.action = 'update' then 'applied'
        when claim.action <> 'insert' then claim.action
        when i.couple_id is null then 'contended'
        -- The tombstone keeps a write that is still on its way from making a row.
        when claim.retained_before is not null then 'retained'
        else 'applied'
      end as verdict,
      -- An event before it is missing. A client's row is no witness of RTDB at all.
      claim.is_apart
        and not claim.settles_tie
        and claim.held_origin is distinct from 'client'
        and claim.event_time > coalesce(claim.held_read_at, '-infinity')
        as is_gap,
      claim.held_event_time is null and (select p.first_pass_at is null from mirror.paths as p where p.path = 'quiz_sessions') as may_be_older
    from judged as claim
    left join inserted as i on (i.couple_id, i.session_id) = (claim._couple_id, claim._session_id)
    left join updated as u on u.n = claim.n
  ),
  -- In the same statement: afterwards the row shows nothing of the gap, and a crash in between would
  -- lose it, since the event's redelivery is only a duplicate.
  logged as (
    insert into mirror.divergence_log as log (
      path, ref, shard, day, key, kind, cause, severity, detected_by,
      rtdb_value, postgres_value, detail, event_id, event_time
    )
    select
      'quiz_sessions', ref, _couple_id, null::date, jsonb_build_object('couple_id', _couple_id, 'session_id', _session_id),
      'missed_event',
      case when may_be_older then 'unknown' else 'unknown' end,
      case when may_be_older then 'info' else 'warning' end,
      'trigger',
      mirror.as_evidence(before_payload),
      mirror.as_evidence(held_payload),
      detail || jsonb_build_object(
        'row_event_id', held_event_id,
        'row_origin', held_origin,
        -- What would fill the gap: writes that lead from one state to the other in between.
        'gaps', jsonb_build_array(jsonb_build_object(
          'from_hash', mirror.value_hash(held_payload),
          'from_time', coalesce(held_event_time, '-infinity'),
          'to_hash', coalesce(before_hash, mirror.value_hash(before_payload)),
          'to_time', event_time
        ))
      ),
      event_id,
      event_time
    from settled
    where verdict = 'applied' and is_gap
    order by n
    on conflict (md5(ref), kind, path) where resolved_at is null do update
    set
      times_seen = log.times_seen + 1,
      last_seen_at = excluded.last_seen_at,
      -- A gap that someone should look at is not played down by one that is explained.
      cause = case when excluded.severity = 'info' then log.cause else excluded.cause end,
      severity = case when excluded.severity = 'info' then log.severity else excluded.severity end,
      rtdb_value = excluded.rtdb_value,
      postgres_value = excluded.postgres_value,
      detail = excluded.detail || mirror.few_gaps(
        coalesce(log.detail -> 'gaps', '[]') || (excluded.detail -> 'gaps'),
        coalesce((log.detail ->> 'gaps_dropped')::integer, 0)
      ),
      event_id = excluded.event_id,
      event_time = excluded.event_time
  )
  select
    n,
    verdict,
    (extract(epoch from clock_timestamp() - event_time) * 1000)::double precision as lag_ms,
    verdict = 'applied' and is_gap and not may_be_older as missed_event,
    held_event_id as row_event_id,
    case when verdict = 'stale' then mirror.as_evidence(held_payload) end as row_payload,
    case
      when verdict = 'stale'
      then (extract(epoch from held_event_time - event_time) * 1000)::double precision
    end as behind_ms,
    case
      when is_late then coalesce(before_hash, mirror.value_hash(before_payload))
    end as before_hash,
    case when is_late then mirror.value_hash(payload) end as payload_hash
  from settled
  cross join lateral (
    select
      verdict not in ('applied', 'foreign', 'retained', 'erased')
        and held_event_id is distinct from event_id as is_late
  ) as late;
end
$function$;
grant execute on function mirror.apply_quiz_sessions(jsonb,text,jsonb) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.apply_steps(claims jsonb, lock_wait text, told jsonb)
 RETURNS TABLE(n integer, verdict text, lag_ms double precision, missed_event boolean, row_event_id text, row_payload jsonb, behind_ms double precision, before_hash text, payload_hash text)
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
#variable_conflict use_column
begin
  if not apply_steps.told <@ '{"goal": "integer", "claimed": "boolean", "date_key": "date", "couple_id": "text", "lp_earned": "integer", "claimed_at": "timestamp with time zone", "claimed_by": "text", "updated_at": "timestamp with time zone"}'::jsonb then
    raise exception 'table rtdb.steps lacks columns of the declaration, or has others by their names: %', (
      select string_agg(named.key || ' ' || (named.value #>> '{}'), ', ')
      from jsonb_each(apply_steps.told) as named
      where not '{"goal": "integer", "claimed": "boolean", "date_key": "date", "couple_id": "text", "lp_earned": "integer", "claimed_at": "timestamp with time zone", "claimed_by": "text", "updated_at": "timestamp with time zone"}'::jsonb @> jsonb_build_object(named.key, named.value)
    ) using errcode = 'undefined_column';
  end if;
  perform set_config('lock_timeout', lock_wait, true);
  -- Tells the mirror's own writes from direct ones.
  perform set_config('mirror.writer', 'on', true);
  return query
  with claim as materialized (
    select c.*
    from jsonb_to_recordset(apply_steps.claims) as c (
      n integer,
      ref text,
      _couple_id text collate "C", _date_key date, _goal integer, _claimed boolean, _lp_earned integer, _claimed_at timestamp with time zone, _claimed_by text, _updated_at timestamp with time zone,
      payload jsonb,
      event_id text,
      event_time timestamptz,
      before_known boolean,
      before_payload jsonb,
      -- In place of a value that is too large to send.
      before_hash text,
      settles_tie boolean,
      -- Of a removal beyond retention: a row that no event wrote since then outlives its leaf, if it is
      -- what was removed. Else a write is still on its way, which would revive the row.
      retained_before timestamptz,
      -- Where the event comes from, as long as the instance has not learnt that it is ours.
      instance text,
      host text,
      detail jsonb
    )
  ),
  -- Locks the rows that exist, in key order, as every writer does: no deadlocks. Under READ COMMITTED
  -- it returns what a concurrent writer left, not what the snapshot saw. Lateral, so that it is an
  -- index lookup for each claim whatever the planner thinks of the table's size. A row that someone
  -- inserts after the snapshot is not here; then the insert does nothing: contended.
  held as materialized (
    select c.n, q.*
    from claim as c
    cross join lateral (
      select q.origin, q.payload, q.event_id, q.event_time, q.tie_settled, q.mirrored_at
      from rtdb.steps as q
      where (q.couple_id, q.date_key) = (c._couple_id, c._date_key)
      for update
    ) as q
  ),
  judged as materialized (
    select
      c.*,
      h.origin as held_origin,
      h.payload as held_payload,
      h.event_id as held_event_id,
      h.event_time as held_event_time,
      -- A row that was read from RTDB may be ahead of the writes before the reading.
      case
        when h.tie_settled or h.origin <> 'rtdb' then h.mirrored_at
        else '-infinity'
      end as held_read_at,
      case
        -- The first half is asked once a statement. In this statement, not before it: what waits for its lock on the
        -- table (mirror.await_writers) is seen by it.
        when
          (select mirror.erased_lengths()) is not null
          and mirror.is_erased(
            c._couple_id, array[]::text[], (select mirror.erased_lengths())
          )
        then 'erased'
        when c.instance is not null and not mirror.is_own_rtdb(c.instance, c.host) then 'foreign'
        when h.event_id = c.event_id then 'duplicate'
        when h.event_time < c.retained_before and (is_apart is not true or h.origin = 'client')
        then 'retained'
        when h.n is null then 'insert'
        when h.event_time > c.event_time then 'stale'
        when h.event_time < c.event_time then 'update'
        when h.payload is not distinct from c.payload then 'duplicate'
        when c.settles_tie then 'update'
        else 'tied'
      end as action,
      is_apart
    from claim as c
    left join held as h using (n)
    cross join lateral (
      -- Whether the write began from another state than the row shows.
      select c.before_known and case
        when c.before_hash is null then c.before_payload is distinct from h.payload
        else c.before_hash is distinct from mirror.value_hash(h.payload)
      end as is_apart
    ) as compared
  ),
  inserted as (
    insert into rtdb.steps (
      couple_id, date_key, goal, claimed, lp_earned, claimed_at, claimed_by, updated_at, payload, origin, event_id, event_time, deleted_at, tie_settled
    )
    select
      _couple_id, _date_key, _goal, _claimed, _lp_earned, _claimed_at, _claimed_by, _updated_at, payload, 'rtdb', event_id, event_time,
      case when payload is null then event_time end, settles_tie
    from judged
    where action = 'insert'
    order by n
    -- Of the key alone: a constraint of the team's is to say that it refuses the row.
    on conflict (couple_id, date_key) do nothing
    returning couple_id, date_key
  ),
  updated as (
    update rtdb.steps as q
    set
      goal = case when j.payload is null or not apply_steps.told ? 'goal' then q.goal else j._goal end,
      claimed = case when j.payload is null or not apply_steps.told ? 'claimed' then q.claimed else j._claimed end,
      lp_earned = case when j.payload is null or not apply_steps.told ? 'lp_earned' then q.lp_earned else j._lp_earned end,
      claimed_at = case when j.payload is null or not apply_steps.told ? 'claimed_at' then q.claimed_at else j._claimed_at end,
      claimed_by = case when j.payload is null or not apply_steps.told ? 'claimed_by' then q.claimed_by else j._claimed_by end,
      updated_at = case when j.payload is null or not apply_steps.told ? 'updated_at' then q.updated_at else j._updated_at end,
      payload = j.payload,
      origin = 'rtdb',
      event_id = j.event_id,
      event_time = j.event_time,
      deleted_at = case when j.payload is null then j.event_time end,
      tie_settled = j.settles_tie,
      mirrored_at = clock_timestamp()
    from judged as j
    where j.action = 'update'
      and (q.couple_id, q.date_key) = (j._couple_id, j._date_key)
    returning j.n
  ),
  settled as materialized (
    select
      claim.*,
      case
        -- The row is locked, so nobody else is in the way.
        when claim.action = 'update' and u.n is null then 'dropped'
        when claim.action = 'update' then 'applied'
        when claim.action <> 'insert' then claim.action
        when i.couple_id is null then 'contended'
        -- The tombstone keeps a write that is still on its way from making a row.
        when claim.retained_before is not null then 'retained'
        else 'applied'
      end as verdict,
      -- An event before it is missing. A client's row is no witness of RTDB at all.
      claim.is_apart
        and not claim.settles_tie
        and claim.held_origin is distinct from 'client'
        and claim.event_time > coalesce(claim.held_read_at, '-infinity')
        as is_gap,
      claim.held_event_time is null and claim._date_key <= (select (p.began_at at time zone 'UTC')::date + 1 from mirror.paths as p where p.path = 'steps') as may_be_older
    from judged as claim
    left join inserted as i on (i.couple_id, i.date_key) = (claim._couple_id, claim._date_key)
    left join updated as u on u.n = claim.n
  ),
  -- In the same statement: afterwards the row shows nothing of the gap, and a crash in between would
  -- lose it, since the event's redelivery is only a duplicate.
  logged as (
    insert into mirror.divergence_log as log (
      path, ref, shard, day, key, kind, cause, severity, detected_by,
      rtdb_value, postgres_value, detail, event_id, event_time
    )
    select
      'steps', ref, _couple_id, _date_key, jsonb_build_object('couple_id', _couple_id, 'date_key', _date_key),
      'missed_event',
      case when may_be_older then 'before_mirroring' else 'unknown' end,
      case when may_be_older then 'info' else 'warning' end,
      'trigger',
      mirror.as_evidence(before_payload),
      mirror.as_evidence(held_payload),
      detail || jsonb_build_object(
        'row_event_id', held_event_id,
        'row_origin', held_origin,
        -- What would fill the gap: writes that lead from one state to the other in between.
        'gaps', jsonb_build_array(jsonb_build_object(
          'from_hash', mirror.value_hash(held_payload),
          'from_time', coalesce(held_event_time, '-infinity'),
          'to_hash', coalesce(before_hash, mirror.value_hash(before_payload)),
          'to_time', event_time
        ))
      ),
      event_id,
      event_time
    from settled
    where verdict = 'applied' and is_gap
    order by n
    on conflict (md5(ref), kind, path) where resolved_at is null do update
    set
      times_seen = log.times_seen + 1,
      last_seen_at = excluded.last_seen_at,
      -- A gap that someone should look at is not played down by one that is explained.
      cause = case when excluded.severity = 'info' then log.cause else excluded.cause end,
      severity = case when excluded.severity = 'info' then log.severity else excluded.severity end,
      rtdb_value = excluded.rtdb_value,
      postgres_value = excluded.postgres_value,
      detail = excluded.detail || mirror.few_gaps(
        coalesce(log.detail -> 'gaps', '[]') || (excluded.detail -> 'gaps'),
        coalesce((log.detail ->> 'gaps_dropped')::integer, 0)
      ),
      event_id = excluded.event_id,
      event_time = excluded.event_time
  )
  select
    n,
    verdict,
    (extract(epoch from clock_timestamp() - event_time) * 1000)::double precision as lag_ms,
    verdict = 'applied' and is_gap and not may_be_older as missed_event,
    held_event_id as row_event_id,
    case when verdict = 'stale' then mirror.as_evidence(held_payload) end as row_payload,
    case
      when verdict = 'stale'
      then (extract(epoch from held_event_time - event_time) * 1000)::double precision
    end as behind_ms,
    case
      when is_late then coalesce(before_hash, mirror.value_hash(before_payload))
    end as before_hash,
    case when is_late then mirror.value_hash(payload) end as payload_hash
  from settled
  cross join lateral (
    select
      verdict not in ('applied', 'foreign', 'retained', 'erased')
        and held_event_id is distinct from event_id as is_late
  ) as late;
end
$function$;
grant execute on function mirror.apply_steps(jsonb,text,jsonb) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.apply_you_or_me_sessions(claims jsonb, lock_wait text, told jsonb)
 RETURNS TABLE(n integer, verdict text, lag_ms double precision, missed_event boolean, row_event_id text, row_payload jsonb, behind_ms double precision, before_hash text, payload_hash text)
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
#variable_conflict use_column
begin
  if not apply_you_or_me_sessions.told <@ '{"status": "text", "user_id": "text", "couple_id": "text", "lp_earned": "integer", "created_at": "timestamp with time zone", "partner_id": "text", "session_id": "text", "completed_at": "timestamp with time zone", "initiated_by": "text", "is_completed": "boolean", "subject_user_id": "text"}'::jsonb then
    raise exception 'table rtdb.you_or_me_sessions lacks columns of the declaration, or has others by their names: %', (
      select string_agg(named.key || ' ' || (named.value #>> '{}'), ', ')
      from jsonb_each(apply_you_or_me_sessions.told) as named
      where not '{"status": "text", "user_id": "text", "couple_id": "text", "lp_earned": "integer", "created_at": "timestamp with time zone", "partner_id": "text", "session_id": "text", "completed_at": "timestamp with time zone", "initiated_by": "text", "is_completed": "boolean", "subject_user_id": "text"}'::jsonb @> jsonb_build_object(named.key, named.value)
    ) using errcode = 'undefined_column';
  end if;
  perform set_config('lock_timeout', lock_wait, true);
  -- Tells the mirror's own writes from direct ones.
  perform set_config('mirror.writer', 'on', true);
  return query
  with claim as materialized (
    select c.*
    from jsonb_to_recordset(apply_you_or_me_sessions.claims) as c (
      n integer,
      ref text,
      _couple_id text collate "C", _session_id text collate "C", _status text, _user_id text, _lp_earned integer, _created_at timestamp with time zone, _partner_id text, _completed_at timestamp with time zone, _initiated_by text, _is_completed boolean, _subject_user_id text,
      payload jsonb,
      event_id text,
      event_time timestamptz,
      before_known boolean,
      before_payload jsonb,
      -- In place of a value that is too large to send.
      before_hash text,
      settles_tie boolean,
      -- Of a removal beyond retention: a row that no event wrote since then outlives its leaf, if it is
      -- what was removed. Else a write is still on its way, which would revive the row.
      retained_before timestamptz,
      -- Where the event comes from, as long as the instance has not learnt that it is ours.
      instance text,
      host text,
      detail jsonb
    )
  ),
  -- Locks the rows that exist, in key order, as every writer does: no deadlocks. Under READ COMMITTED
  -- it returns what a concurrent writer left, not what the snapshot saw. Lateral, so that it is an
  -- index lookup for each claim whatever the planner thinks of the table's size. A row that someone
  -- inserts after the snapshot is not here; then the insert does nothing: contended.
  held as materialized (
    select c.n, q.*
    from claim as c
    cross join lateral (
      select q.origin, q.payload, q.event_id, q.event_time, q.tie_settled, q.mirrored_at
      from rtdb.you_or_me_sessions as q
      where (q.couple_id, q.session_id) = (c._couple_id, c._session_id)
      for update
    ) as q
  ),
  judged as materialized (
    select
      c.*,
      h.origin as held_origin,
      h.payload as held_payload,
      h.event_id as held_event_id,
      h.event_time as held_event_time,
      -- A row that was read from RTDB may be ahead of the writes before the reading.
      case
        when h.tie_settled or h.origin <> 'rtdb' then h.mirrored_at
        else '-infinity'
      end as held_read_at,
      case
        -- The first half is asked once a statement. In this statement, not before it: what waits for its lock on the
        -- table (mirror.await_writers) is seen by it.
        when
          (select mirror.erased_lengths()) is not null
          and mirror.is_erased(
            c._couple_id, array[c._session_id]::text[], (select mirror.erased_lengths())
          )
        then 'erased'
        when c.instance is not null and not mirror.is_own_rtdb(c.instance, c.host) then 'foreign'
        when h.event_id = c.event_id then 'duplicate'
        when h.event_time < c.retained_before and (is_apart is not true or h.origin = 'client')
        then 'retained'
        when h.n is null then 'insert'
        when h.event_time > c.event_time then 'stale'
        when h.event_time < c.event_time then 'update'
        when h.payload is not distinct from c.payload then 'duplicate'
        when c.settles_tie then 'update'
        else 'tied'
      end as action,
      is_apart
    from claim as c
    left join held as h using (n)
    cross join lateral (
      -- Whether the write began from another state than the row shows.
      select c.before_known and case
        when c.before_hash is null then c.before_payload is distinct from h.payload
        else c.before_hash is distinct from mirror.value_hash(h.payload)
      end as is_apart
    ) as compared
  ),
  inserted as (
    insert into rtdb.you_or_me_sessions (
      couple_id, session_id, status, user_id, lp_earned, created_at, partner_id, completed_at, initiated_by, is_completed, subject_user_id, payload, origin, event_id, event_time, deleted_at, tie_settled
    )
    select
      _couple_id, _session_id, _status, _user_id, _lp_earned, _created_at, _partner_id, _completed_at, _initiated_by, _is_completed, _subject_user_id, payload, 'rtdb', event_id, event_time,
      case when payload is null then event_time end, settles_tie
    from judged
    where action = 'insert'
    order by n
    -- Of the key alone: a constraint of the team's is to say that it refuses the row.
    on conflict (couple_id, session_id) do nothing
    returning couple_id, session_id
  ),
  updated as (
    update rtdb.you_or_me_sessions as q
    set
      status = case when j.payload is null or not apply_you_or_me_sessions.told ? 'status' then q.status else j._status end,
      user_id = case when j.payload is null or not apply_you_or_me_sessions.told ? 'user_id' then q.user_id else j._user_id end,
      lp_earned = case when j.payload is null or not apply_you_or_me_sessions.told ? 'lp_earned' then q.lp_earned else j._lp_earned end,
      created_at = case when j.payload is null or not apply_you_or_me_sessions.told ? 'created_at' then q.created_at else j._created_at end,
      partner_id = case when j.payload is null or not apply_you_or_me_sessions.told ? 'partner_id' then q.partner_id else j._partner_id end,
      completed_at = case when j.payload is null or not apply_you_or_me_sessions.told ? 'completed_at' then q.completed_at else j._completed_at end,
      initiated_by = case when j.payload is null or not apply_you_or_me_sessions.told ? 'initiated_by' then q.initiated_by else j._initiated_by end,
      is_completed = case when j.payload is null or not apply_you_or_me_sessions.told ? 'is_completed' then q.is_completed else j._is_completed end,
      subject_user_id = case when j.payload is null or not apply_you_or_me_sessions.told ? 'subject_user_id' then q.subject_user_id else j._subject_user_id end,
      payload = j.payload,
      origin = 'rtdb',
      event_id = j.event_id,
      event_time = j.event_time,
      deleted_at = case when j.payload is null then j.event_time end,
      tie_settled = j.settles_tie,
      mirrored_at = clock_timestamp()
    from judged as j
    where j.action = 'update'
      and (q.couple_id, q.session_id) = (j._couple_id, j._session_id)
    returning j.n
  ),
  settled as materialized (
    select
      claim.*,
      case
        -- The row is locked, so nobody else is in the way.
        when claim.action = 'update' and u.n is null then 'dropped'
        when claim.action = 'update' then 'applied'
        when claim.action <> 'insert' then claim.action
        when i.couple_id is null then 'contended'
        -- The tombstone keeps a write that is still on its way from making a row.
        when claim.retained_before is not null then 'retained'
        else 'applied'
      end as verdict,
      -- An event before it is missing. A client's row is no witness of RTDB at all.
      claim.is_apart
        and not claim.settles_tie
        and claim.held_origin is distinct from 'client'
        and claim.event_time > coalesce(claim.held_read_at, '-infinity')
        as is_gap,
      claim.held_event_time is null and (select p.first_pass_at is null from mirror.paths as p where p.path = 'you_or_me_sessions') as may_be_older
    from judged as claim
    left join inserted as i on (i.couple_id, i.session_id) = (claim._couple_id, claim._session_id)
    left join updated as u on u.n = claim.n
  ),
  -- In the same statement: afterwards the row shows nothing of the gap, and a crash in between would
  -- lose it, since the event's redelivery is only a duplicate.
  logged as (
    insert into mirror.divergence_log as log (
      path, ref, shard, day, key, kind, cause, severity, detected_by,
      rtdb_value, postgres_value, detail, event_id, event_time
    )
    select
      'you_or_me_sessions', ref, _couple_id, null::date, jsonb_build_object('couple_id', _couple_id, 'session_id', _session_id),
      'missed_event',
      case when may_be_older then 'unknown' else 'unknown' end,
      case when may_be_older then 'info' else 'warning' end,
      'trigger',
      mirror.as_evidence(before_payload),
      mirror.as_evidence(held_payload),
      detail || jsonb_build_object(
        'row_event_id', held_event_id,
        'row_origin', held_origin,
        -- What would fill the gap: writes that lead from one state to the other in between.
        'gaps', jsonb_build_array(jsonb_build_object(
          'from_hash', mirror.value_hash(held_payload),
          'from_time', coalesce(held_event_time, '-infinity'),
          'to_hash', coalesce(before_hash, mirror.value_hash(before_payload)),
          'to_time', event_time
        ))
      ),
      event_id,
      event_time
    from settled
    where verdict = 'applied' and is_gap
    order by n
    on conflict (md5(ref), kind, path) where resolved_at is null do update
    set
      times_seen = log.times_seen + 1,
      last_seen_at = excluded.last_seen_at,
      -- A gap that someone should look at is not played down by one that is explained.
      cause = case when excluded.severity = 'info' then log.cause else excluded.cause end,
      severity = case when excluded.severity = 'info' then log.severity else excluded.severity end,
      rtdb_value = excluded.rtdb_value,
      postgres_value = excluded.postgres_value,
      detail = excluded.detail || mirror.few_gaps(
        coalesce(log.detail -> 'gaps', '[]') || (excluded.detail -> 'gaps'),
        coalesce((log.detail ->> 'gaps_dropped')::integer, 0)
      ),
      event_id = excluded.event_id,
      event_time = excluded.event_time
  )
  select
    n,
    verdict,
    (extract(epoch from clock_timestamp() - event_time) * 1000)::double precision as lag_ms,
    verdict = 'applied' and is_gap and not may_be_older as missed_event,
    held_event_id as row_event_id,
    case when verdict = 'stale' then mirror.as_evidence(held_payload) end as row_payload,
    case
      when verdict = 'stale'
      then (extract(epoch from held_event_time - event_time) * 1000)::double precision
    end as behind_ms,
    case
      when is_late then coalesce(before_hash, mirror.value_hash(before_payload))
    end as before_hash,
    case when is_late then mirror.value_hash(payload) end as payload_hash
  from settled
  cross join lateral (
    select
      verdict not in ('applied', 'foreign', 'retained', 'erased')
        and held_event_id is distinct from event_id as is_late
  ) as late;
end
$function$;
grant execute on function mirror.apply_you_or_me_sessions(jsonb,text,jsonb) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.as_evidence(value jsonb)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO ''
AS $function$
  select mirror.as_evidence(value, 12288)
$function$;
grant execute on function mirror.as_evidence(jsonb) to quest_mirror_api;
grant execute on function mirror.as_evidence(jsonb) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.as_evidence(value jsonb, max_bytes integer)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO ''
AS $function$
  select case
    when octet_length(shown.text) <= max_bytes then value
    else jsonb_build_object(
      'truncated', true,
      'bytes', octet_length(shown.text),
      'sha256', encode(sha256(convert_to(shown.text, 'UTF8')), 'hex'),
      'head', left(shown.text, max_bytes / 16)
    )
  end
  -- offset: or each use of the text would make it anew.
  from (select value::pg_catalog.text offset 0) as shown (text)
$function$;
grant execute on function mirror.as_evidence(jsonb,integer) to quest_mirror_api;
grant execute on function mirror.as_evidence(jsonb,integer) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.await_writers(awaited regclass, patience interval DEFAULT '00:05:00'::interval)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  began_at constant timestamptz := clock_timestamp();
  writing constant text[] := array(
    select l.virtualtransaction
    from pg_locks as l
    where l.relation = awaited
      and l.database = (select d.oid from pg_database as d where d.datname = current_database())
      and l.granted
      and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  );
  holders text;
begin
  loop
    select string_agg(distinct coalesce(l.pid::text, 'a prepared transaction'), ', ')
    into holders
    from pg_locks as l
    where l.relation = awaited and l.granted and l.virtualtransaction = any (writing);
    exit when holders is null;
    if clock_timestamp() - began_at > patience then
      raise exception 'nothing was removed: transactions that write to % have to end first: pid %', awaited, holders
        using errcode = 'lock_not_available';
    end if;
    perform pg_sleep(0.02);
  end loop;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.begin_listing(listed_paths text[], every interval)
 RETURNS TABLE(began_at timestamp with time zone, after_key text)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
begin
  insert into mirror.listings (path)
  select name from unnest(listed_paths) as name order by name
  on conflict do nothing;
  return query
  with known as (
    select l.path, l.began_at, l.listed_at
    from mirror.listings as l
    where l.path = any (listed_paths)
    order by l.path
    for update
  )
  update mirror.listings as l
  set
    began_at = coalesce(l.began_at, statement_timestamp()),
    after_key = case when l.began_at is null then null else l.after_key end
  from known
  where l.path = known.path
    and (l.began_at is not null or coalesce(l.listed_at, '-infinity') <= clock_timestamp() - every)
  returning l.began_at, l.after_key;
end
$function$;
grant execute on function mirror.begin_listing(text[],interval) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.begin_reading(read_paths text[], read_shard text, moved_within interval)
 RETURNS TABLE(path text, read_at timestamp with time zone, reading jsonb, path_books jsonb, open jsonb, settled jsonb, suspects jsonb, direct jsonb, moved jsonb)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  declared mirror.paths;
  known mirror.readings;
  -- Before the statement's snapshot: what is committed later is newer than the reading.
  began_at constant timestamptz := statement_timestamp();
begin
  for declared in
    select p.* from mirror.paths as p where p.path = any (read_paths) order by p.path
  loop
    known := null;
    select r.* into known
    from mirror.readings as r
    where (r.path, r.shard) = (declared.path, read_shard);
    path := declared.path;
    read_at := began_at;
    reading := case when known.path is not null then to_jsonb(known) end;
    path_books := jsonb_build_object(
      'began_at', declared.began_at,
      'first_pass_at', declared.first_pass_at,
      'are_columns_due', declared.columns_due_at is not null,
      'has_erased', exists (select from mirror.erased),
      'gap_at', (
        select max(c.to_at)
        from mirror.coverage as c
        where c.reason in ('flag_off', 'percent')
          and (c.path is null or c.path = declared.path)
          and c.to_at <= began_at
      ),
      'restored_at', (
        select max(ended.at)
        from (
          select c.to_at
          from mirror.coverage as c
          where c.reason = 'restored'
            and (c.path is null or c.path = declared.path)
            and c.to_at <= began_at
          union all
          select mirror.truncated_at(declared.path)
        ) as ended (at)
      ),
      'listed_before', (
        select l.listed_before from mirror.listings as l where l.path = declared.path
      )
    );
    open := (
      select coalesce(jsonb_agg(jsonb_build_object(
        'id', log.id, 'ref', log.ref, 'kind', log.kind, 'cause', log.cause, 'day', log.day,
        'key', log.key, 'keys', log.keys, 'seen', log.detail -> 'seen',
        'written_after', log.written_after, 'written_before', log.written_before,
        'born_after', log.detail -> 'born_after'
      ) order by log.id), '[]')
      from mirror.divergence_log as log
      where md5(log.shard) = md5(read_shard)
        and log.shard = read_shard
        and log.path = declared.path
        and log.resolved_at is null
        and log.written_before is not null
    );
    settled := (
      select coalesce(jsonb_agg(distinct log.ref), '[]')
      from mirror.divergence_log as log
      where md5(log.shard) = md5(read_shard)
        and log.shard = read_shard
        and log.path = declared.path
        and log.resolved_by in ('repair', 'backfill', 'client', 'direct')
        and log.resolved_at >= coalesce(known.read_at, '-infinity')
    );
    suspects := (
      select coalesce(jsonb_agg(to_jsonb(s) - 'path' - 'shard'), '[]')
      from mirror.suspects as s
      where md5(s.shard) = md5(read_shard) and s.shard = read_shard and s.path = declared.path
    );
    direct := (
      select coalesce(jsonb_agg(jsonb_build_object(
        'key', d.key, 'day', d.day, 'operation', d.operation, 'at', d.written_at,
        'written_by', d.written_by, 'is_change', d.old_payload is distinct from d.new_payload
      )), '[]')
      from mirror.direct_writes as d
      where md5(d.shard) = md5(read_shard)
        and d.shard = read_shard
        and d.path = declared.path
        and d.written_at > coalesce(known.full_at, '-infinity')
    );
    execute format(
      'select case when count(*) <= 1000 then coalesce(jsonb_agg(jsonb_build_array(m.what, m.at)), ''[]'') end
       from (
         select %1$s as what, max(q.mirrored_at) as at
         from %2$s as q
         where q.%3$I = $1 and q.mirrored_at > $2
         group by 1
         limit 1001
       ) as m',
      case
        when declared.day_column is null
        then format('jsonb_build_array(%s)', mirror.name_list(declared.key_columns, 'q.%I'))
        -- A direct write may leave 'infinity', which to_char doesn't show.
        else format('coalesce(to_char(q.%1$I, ''YYYY-MM-DD''), q.%1$I::text)', declared.day_column)
      end,
      declared.relation, declared.key_columns[1]
    )
    into moved
    using read_shard, case
      when declared.day_column is null then began_at - moved_within
      else coalesce(known.read_at, '-infinity') - interval '2 minutes'
    end;
    return next;
  end loop;
end
$function$;
grant execute on function mirror.begin_reading(text[],text,interval) to quest_mirror_api;
grant execute on function mirror.begin_reading(text[],text,interval) to quest_mirror_reader;
grant execute on function mirror.begin_reading(text[],text,interval) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.boolean_of(leaf jsonb)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(leaf) WHEN 'boolean'::text THEN (leaf)::boolean ELSE NULL::boolean END;
grant execute on function mirror.boolean_of(jsonb) to quest_mirror_reader;

CREATE OR REPLACE FUNCTION mirror.bound_divergence()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
begin
  if
    tg_op = 'INSERT'
    and exists (select from mirror.erased)
    and exists (
      select
      from unnest(mirror.keys_of_ref(new.path, new.ref)) with ordinality as place (key, n)
      -- The first is the shard, which may hold an id; another may be one. A day is none.
      where mirror.is_erased(
          case when place.n = 1 then place.key else '' end,
          case when place.key is distinct from to_char(new.day, 'YYYY-MM-DD') then array[place.key] else '{}' end
        )
    )
  then
    return null;
  end if;
  new.rtdb_value := mirror.as_evidence(new.rtdb_value);
  new.postgres_value := mirror.as_evidence(new.postgres_value);
  new.event_id := left(new.event_id, 128);
  if octet_length(new.detail::text) > 8192 then
    new.detail := (
      select jsonb_object_agg(
        key,
        case when key in ('gaps', 'event_ids') then value else mirror.as_evidence(value, 1024) end
      )
      from jsonb_each(new.detail)
    );
  end if;
  return new;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.build_access(declared mirror.paths)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  relation constant regclass := declared.relation;
  sees constant text := (
    select string_agg(
      case
        when rule <> 'couple' then format('%I = any ((select mirror.own_ids())::text[])', rule)
        else format(
          '%I like any ((select mirror.own_shards())::text[])', declared.key_columns[1]
        )
      end,
      ' or '
    )
    from unnest(declared.visible_to) as rule
  );
begin
  perform mirror.guard(relation, array['quest_mirror_writer', 'quest_mirror_reader']);
  execute format('grant select, insert, update on %s to quest_mirror_writer', relation);
  execute format('grant select on %s to quest_mirror_reader', relation);
  execute format('drop policy if exists own_live_rows on %s', relation);
  if sees is null then
    return;
  end if;
  -- To everybody, guarded by the grants, so that it does not depend on which roles exist now. A role
  -- `authenticated` that is made later gets them by mirror.rebuild_paths().
  execute format(
    'create policy own_live_rows on %s for select using (deleted_at is null and (%s))', relation, sees
  );
  if exists (select from pg_catalog.pg_roles where rolname = 'authenticated') then
    execute format('grant select on %s to authenticated', relation);
    -- For one that was made after the migrations.
    grant usage on schema rtdb to authenticated;
    grant execute on function mirror.own_ids(), mirror.own_shards() to authenticated;
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.build_apply_function(declared mirror.paths)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  -- A claim is the state of one leaf at one version, (event_time, event_id); payload null = not there.
  -- The function answers for each claim, by its n:
  --   verdict       applied, duplicate (the row shows it), stale (the row is newer), tied (another
  --                 event of this instant brought another state), retained (a removal beyond
  --                 retention), foreign (it comes from another RTDB), erased (its key holds the id of
  --                 somebody who was erased), contended (see `held`), dropped
  --                 (a trigger on the table left the update out)
  --   lag_ms        from the write in RTDB until now
  --   missed_event  an event before this one did not arrive (not: the leaf may be older than the mirror)
  --   row_event_id  the event that the row showed before
  --   row_payload, behind_ms  what a stale claim lost against (as evidence), and by how much
  --   before_hash, payload_hash  of a claim that did not win: the states it leads from and to, for
  --                 a gap that it may fill
  --
  -- A row that someone else has locked must not hold up all others on the connection: after
  -- lock_wait, such as '500ms', the call fails with SQLSTATE 55P03.
  --
  -- The words that open the statement are matched in functions/src/postgres.
  template constant text := $template$
create or replace function mirror.{function}(claims jsonb, lock_wait text, told jsonb)
returns table (
  n integer,
  verdict text,
  lag_ms double precision,
  missed_event boolean,
  row_event_id text,
  row_payload jsonb,
  behind_ms double precision,
  before_hash text,
  payload_hash text
)
language plpgsql
set search_path = ''
as $body$
#variable_conflict use_column
begin
  if not {function}.told <@ {column types} then
    raise exception 'table {table} lacks columns of the declaration, or has others by their names: %', (
      select string_agg(named.key || ' ' || (named.value #>> '{}'), ', ')
      from jsonb_each({function}.told) as named
      where not {column types} @> jsonb_build_object(named.key, named.value)
    ) using errcode = 'undefined_column';
  end if;
  perform set_config('lock_timeout', lock_wait, true);
  -- Tells the mirror's own writes from direct ones.
  perform set_config('mirror.writer', 'on', true);
  return query
  with claim as materialized (
    select c.*
    from jsonb_to_recordset({function}.claims) as c (
      n integer,
      ref text,
      {column definitions},
      payload jsonb,
      event_id text,
      event_time timestamptz,
      before_known boolean,
      before_payload jsonb,
      -- In place of a value that is too large to send.
      before_hash text,
      settles_tie boolean,
      -- Of a removal beyond retention: a row that no event wrote since then outlives its leaf, if it is
      -- what was removed. Else a write is still on its way, which would revive the row.
      retained_before timestamptz,
      -- Where the event comes from, as long as the instance has not learnt that it is ours.
      instance text,
      host text,
      detail jsonb
    )
  ),
  -- Locks the rows that exist, in key order, as every writer does: no deadlocks. Under READ COMMITTED
  -- it returns what a concurrent writer left, not what the snapshot saw. Lateral, so that it is an
  -- index lookup for each claim whatever the planner thinks of the table's size. A row that someone
  -- inserts after the snapshot is not here; then the insert does nothing: contended.
  held as materialized (
    select c.n, q.*
    from claim as c
    cross join lateral (
      select q.origin, q.payload, q.event_id, q.event_time, q.tie_settled, q.mirrored_at
      from {table} as q
      where ({q.key}) = ({c.key})
      for update
    ) as q
  ),
  judged as materialized (
    select
      c.*,
      h.origin as held_origin,
      h.payload as held_payload,
      h.event_id as held_event_id,
      h.event_time as held_event_time,
      -- A row that was read from RTDB may be ahead of the writes before the reading.
      case
        when h.tie_settled or h.origin <> 'rtdb' then h.mirrored_at
        else '-infinity'
      end as held_read_at,
      case
        -- The first half is asked once a statement. In this statement, not before it: what waits for its lock on the
        -- table (mirror.await_writers) is seen by it.
        when
          (select mirror.erased_lengths()) is not null
          and mirror.is_erased(
            c.{claimed shard}, array[{c.others}]::text[], (select mirror.erased_lengths())
          )
        then 'erased'
        when c.instance is not null and not mirror.is_own_rtdb(c.instance, c.host) then 'foreign'
        when h.event_id = c.event_id then 'duplicate'
        when h.event_time < c.retained_before and (is_apart is not true or h.origin = 'client')
        then 'retained'
        when h.n is null then 'insert'
        when h.event_time > c.event_time then 'stale'
        when h.event_time < c.event_time then 'update'
        when h.payload is not distinct from c.payload then 'duplicate'
        when c.settles_tie then 'update'
        else 'tied'
      end as action,
      is_apart
    from claim as c
    left join held as h using (n)
    cross join lateral (
      -- Whether the write began from another state than the row shows.
      select c.before_known and case
        when c.before_hash is null then c.before_payload is distinct from h.payload
        else c.before_hash is distinct from mirror.value_hash(h.payload)
      end as is_apart
    ) as compared
  ),
  inserted as (
    insert into {table} (
      {columns}, payload, origin, event_id, event_time, deleted_at, tie_settled
    )
    select
      {claimed columns}, payload, 'rtdb', event_id, event_time,
      case when payload is null then event_time end, settles_tie
    from judged
    where action = 'insert'
    order by n
    -- Of the key alone: a constraint of the team's is to say that it refuses the row.
    on conflict ({key}) do nothing
    returning {key}
  ),
  updated as (
    update {table} as q
    set
      {assignments}
      payload = j.payload,
      origin = 'rtdb',
      event_id = j.event_id,
      event_time = j.event_time,
      deleted_at = case when j.payload is null then j.event_time end,
      tie_settled = j.settles_tie,
      mirrored_at = clock_timestamp()
    from judged as j
    where j.action = 'update'
      and ({q.key}) = ({j.key})
    returning j.n
  ),
  settled as materialized (
    select
      claim.*,
      case
        -- The row is locked, so nobody else is in the way.
        when claim.action = 'update' and u.n is null then 'dropped'
        when claim.action = 'update' then 'applied'
        when claim.action <> 'insert' then claim.action
        when i.{shard} is null then 'contended'
        -- The tombstone keeps a write that is still on its way from making a row.
        when claim.retained_before is not null then 'retained'
        else 'applied'
      end as verdict,
      -- An event before it is missing. A client's row is no witness of RTDB at all.
      claim.is_apart
        and not claim.settles_tie
        and claim.held_origin is distinct from 'client'
        and claim.event_time > coalesce(claim.held_read_at, '-infinity')
        as is_gap,
      claim.held_event_time is null and {may be older} as may_be_older
    from judged as claim
    left join inserted as i on ({i.key}) = ({claim.key})
    left join updated as u on u.n = claim.n
  ),
  -- In the same statement: afterwards the row shows nothing of the gap, and a crash in between would
  -- lose it, since the event's redelivery is only a duplicate.
  logged as (
    insert into mirror.divergence_log as log (
      path, ref, shard, day, key, kind, cause, severity, detected_by,
      rtdb_value, postgres_value, detail, event_id, event_time
    )
    select
      {path}, ref, {claimed shard}, {claimed day}, {key object},
      'missed_event',
      case when may_be_older then {cause of older} else 'unknown' end,
      case when may_be_older then 'info' else 'warning' end,
      'trigger',
      mirror.as_evidence(before_payload),
      mirror.as_evidence(held_payload),
      detail || jsonb_build_object(
        'row_event_id', held_event_id,
        'row_origin', held_origin,
        -- What would fill the gap: writes that lead from one state to the other in between.
        'gaps', jsonb_build_array(jsonb_build_object(
          'from_hash', mirror.value_hash(held_payload),
          'from_time', coalesce(held_event_time, '-infinity'),
          'to_hash', coalesce(before_hash, mirror.value_hash(before_payload)),
          'to_time', event_time
        ))
      ),
      event_id,
      event_time
    from settled
    where verdict = 'applied' and is_gap
    order by n
    on conflict (md5(ref), kind, path) where resolved_at is null do update
    set
      times_seen = log.times_seen + 1,
      last_seen_at = excluded.last_seen_at,
      -- A gap that someone should look at is not played down by one that is explained.
      cause = case when excluded.severity = 'info' then log.cause else excluded.cause end,
      severity = case when excluded.severity = 'info' then log.severity else excluded.severity end,
      rtdb_value = excluded.rtdb_value,
      postgres_value = excluded.postgres_value,
      detail = excluded.detail || mirror.few_gaps(
        coalesce(log.detail -> 'gaps', '[]') || (excluded.detail -> 'gaps'),
        coalesce((log.detail ->> 'gaps_dropped')::integer, 0)
      ),
      event_id = excluded.event_id,
      event_time = excluded.event_time
  )
  select
    n,
    verdict,
    (extract(epoch from clock_timestamp() - event_time) * 1000)::double precision as lag_ms,
    verdict = 'applied' and is_gap and not may_be_older as missed_event,
    held_event_id as row_event_id,
    case when verdict = 'stale' then mirror.as_evidence(held_payload) end as row_payload,
    case
      when verdict = 'stale'
      then (extract(epoch from held_event_time - event_time) * 1000)::double precision
    end as behind_ms,
    case
      when is_late then coalesce(before_hash, mirror.value_hash(before_payload))
    end as before_hash,
    case when is_late then mirror.value_hash(payload) end as payload_hash
  from settled
  cross join lateral (
    select
      verdict not in ('applied', 'foreign', 'retained', 'erased')
        and held_event_id is distinct from event_id as is_late
  ) as late;
end
$body$
  $template$;
  others constant text[] := array(select jsonb_object_keys(declared.other_columns));
  columns constant text[] := declared.key_columns || others;
  relation constant regclass := declared.relation;
  lacking constant text := mirror.lacking_columns(relation, columns);
  statement text := template;
  slot record;
begin
  if lacking is not null then
    raise exception '% lacks columns: %; declare_path says what it has', relation, lacking
      using errcode = 'undefined_column';
  end if;
  -- A claim has the table's columns under names with `_` before them, which no column has: so that one
  -- may have the name of one of the claim's own fields.
  for slot in
    select *
    from (values
      ('{function}', quote_ident('apply_' || declared.path)),
      ('{path}', quote_literal(declared.path)),
      ('{table}', relation::text),
      ('{column types}', (
        select format('%L::jsonb', jsonb_object_agg(a.attname, format_type(a.atttypid, null)))
        from pg_catalog.pg_attribute as a
        where a.attrelid = relation and a.attname = any (columns)
      )),
      ('{column definitions}', (
        select string_agg(
          concat_ws(
            ' ', quote_ident('_' || wanted.name), format_type(a.atttypid, a.atttypmod),
            -- Byte order, as the writers sort: in any other they would lock their rows in another.
            case when a.attcollation = '"C"'::regcollation then 'collate "C"' end
          ),
          ', ' order by wanted.place
        )
        from unnest(columns) with ordinality as wanted (name, place)
        join pg_catalog.pg_attribute as a on a.attrelid = relation and a.attname = wanted.name
      )),
      ('{columns}', mirror.name_list(columns, '%I')),
      ('{claimed columns}', mirror.name_list(columns, '_%s')),
      -- A tombstone keeps what the row showed; so does a column of which the claims tell nothing.
      ('{assignments}', (
        select coalesce(string_agg(
          format(
            '%1$I = case when j.payload is null or not %2$I.told ? %1$L then q.%1$I else j._%1$s end,',
            name, 'apply_' || declared.path
          ),
          E'\n      ' order by place
        ), '')
        from unnest(others) with ordinality as wanted (name, place)
      )),
      ('{shard}', quote_ident(declared.key_columns[1])),
      ('{claimed shard}', '_' || declared.key_columns[1]),
      ('{key}', mirror.name_list(declared.key_columns, '%I')),
      ('{q.key}', mirror.name_list(declared.key_columns, 'q.%I')),
      ('{i.key}', mirror.name_list(declared.key_columns, 'i.%I')),
      ('{c.key}', mirror.name_list(declared.key_columns, 'c._%s')),
      ('{j.key}', mirror.name_list(declared.key_columns, 'j._%s')),
      ('{claim.key}', mirror.name_list(declared.key_columns, 'claim._%s')),
      ('{c.others}', mirror.other_parts(declared, 'c._%s')),
      ('{claimed day}', coalesce('_' || declared.day_column, 'null::date')),
      ('{key object}', format(
        'jsonb_build_object(%s)', mirror.name_list(declared.key_columns, '%1$L, _%1$s')
      )),
      -- Only a leaf of a day up to the first can have stood before the mirror; the phone's date may be a
      -- day ahead of the server's. Without a day nothing tells, until all was read once: the first event of
      -- an old leaf looks like the second of a new one.
      (
        '{cause of older}',
        case when declared.day_column is null then '''unknown''' else '''before_mirroring''' end
      ),
      ('{may be older}', (
        -- Of the path alone, so that a statement asks once and not for each claim.
        select case
          when declared.day_column is null
          then format('(select p.first_pass_at is null %s)', of_path)
          else format(
            'claim._%s <= (select (p.began_at at time zone ''UTC'')::date + 1 %s)',
            declared.day_column, of_path
          )
        end
        from format('from mirror.paths as p where p.path = %L', declared.path) as of_path
      ))
    ) as slots (name, content)
  loop
    statement := replace(statement, slot.name, slot.content);
  end loop;
  begin
    execute statement;
  exception when invalid_function_definition then
    -- Replacing can't change the columns of the result. What was granted is granted below.
    execute format('drop function mirror.%I(jsonb, text, jsonb)', 'apply_' || declared.path);
    execute statement;
  end;
  execute format(
    'revoke all on function mirror.%I(jsonb, text, jsonb) from public', 'apply_' || declared.path
  );
  execute format(
    'grant execute on function mirror.%I(jsonb, text, jsonb) to quest_mirror_writer',
    'apply_' || declared.path
  );
end
$function$;

CREATE OR REPLACE FUNCTION mirror.build_path(declared mirror.paths)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
begin
  perform mirror.build_apply_function(declared);
  perform mirror.build_access(declared);
  perform mirror.build_watch(declared);
end
$function$;

CREATE OR REPLACE FUNCTION mirror.build_watch(declared mirror.paths)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  arguments constant text := mirror.name_list(
    array[declared.path, coalesce(declared.day_column, '')] || declared.key_columns, '%L'
  );
begin
  execute format(
    $watch$create or replace trigger direct_write
      after insert or update or delete on %s
      for each row
      when (current_setting('mirror.writer', true) is distinct from 'on')
      execute function mirror.note_direct_write(%s)$watch$,
    declared.relation, arguments
  );
  execute format(
    $watch$create or replace trigger direct_truncate
      after truncate on %s
      for each statement
      when (current_setting('mirror.writer', true) is distinct from 'on')
      execute function mirror.note_direct_write(%s)$watch$,
    declared.relation, arguments
  );
end
$function$;

CREATE OR REPLACE FUNCTION mirror.canary_row(canary_path text, canary_key text[])
 RETURNS TABLE(payload jsonb, age_ms double precision)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO ''
AS $function$
declare
  declared mirror.paths;
  -- A cast of each part: the primary key's index serves no other types.
  condition text;
begin
  select p.* into declared from mirror.paths as p where p.path = canary_path;
  if declared.path is null then
    raise exception 'no migration declares the path %', canary_path using errcode = 'undefined_table';
  end if;
  select string_agg(
    format('q.%I = $1[%s]::%s', k.name, k.place, format_type(a.atttypid, a.atttypmod)),
    ' and ' order by k.place
  )
  into condition
  from unnest(declared.key_columns) with ordinality as k (name, place)
  join pg_catalog.pg_attribute as a
    on a.attrelid = declared.relation::regclass and a.attname = k.name;
  return query execute format(
    'select q.payload, (extract(epoch from clock_timestamp() - q.mirrored_at) * 1000)::double precision
     from %s as q
     where %s and q.event_time > ''-infinity''',
    declared.relation, condition
  ) using canary_key;
end
$function$;
grant execute on function mirror.canary_row(text,text[]) to quest_mirror_reader;
grant execute on function mirror.canary_row(text,text[]) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.claim_by_client(claimed_couple text, claimed_date date, claimed_quest text, claimed_user text, claimed_partner text, claimed_at timestamp with time zone, lock_wait text)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
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
$function$;
grant execute on function mirror.claim_by_client(text,date,text,text,text,timestamp with time zone,text) to quest_mirror_api;
grant execute on function mirror.claim_by_client(text,date,text,text,text,timestamp with time zone,text) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.count_figures(counted_path text, canary_shards text[], most integer)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  declared mirror.paths;
  this_hour constant timestamptz := date_trunc('hour', clock_timestamp(), 'UTC');
  counted_hour timestamptz;
begin
  select p.* into strict declared from mirror.paths as p where p.path = counted_path;
  for counted_hour in
    select past.hour
    from generate_series(this_hour - interval '48 hours', this_hour, interval '1 hour') as past (hour)
    where not exists (
      select
      from mirror.hourly_arrivals as known
      where known.path = counted_path
        and known.hour = past.hour
        -- Over for a minute: what was written in it was committed.
        and known.counted_at >= past.hour + interval '61 minutes'
    )
    order by past.hour desc
    limit most
  loop
    execute format(
      'insert into mirror.hourly_arrivals as known (
         path, hour, live, tombstones, client, backfill, repair,
         lag_p50_ms, lag_p95_ms, lag_p99_ms, lag_max_ms, counted_at
       )
       select
         $1, $2,
         count(*) filter (where arrival.origin = ''rtdb'' and arrival.deleted_at is null),
         count(*) filter (where arrival.origin = ''rtdb'' and arrival.deleted_at is not null),
         count(*) filter (where arrival.origin = ''client''),
         count(*) filter (where arrival.origin = ''backfill''),
         count(*) filter (where arrival.origin = ''repair''),
         percentile_cont(0.5) within group (order by arrival.lag_ms),
         percentile_cont(0.95) within group (order by arrival.lag_ms),
         percentile_cont(0.99) within group (order by arrival.lag_ms),
         max(arrival.lag_ms),
         statement_timestamp()
       from (
         select
           q.origin,
           q.deleted_at,
           case
             when q.origin = ''rtdb'' and q.event_time > ''-infinity''
             then (extract(epoch from q.mirrored_at - q.event_time) * 1000)::double precision
           end as lag_ms
         from %1$s as q
         where q.mirrored_at >= $2
           and q.mirrored_at < $2 + interval ''1 hour''
           and q.%2$I <> all ($3)
       ) as arrival
       on conflict (path, hour) do update
       set
         live = excluded.live,
         tombstones = excluded.tombstones,
         client = excluded.client,
         backfill = excluded.backfill,
         repair = excluded.repair,
         lag_p50_ms = excluded.lag_p50_ms,
         lag_p95_ms = excluded.lag_p95_ms,
         lag_p99_ms = excluded.lag_p99_ms,
         lag_max_ms = excluded.lag_max_ms,
         counted_at = excluded.counted_at',
      declared.relation, declared.key_columns[1]
    ) using counted_path, counted_hour, canary_shards;
  end loop;

  insert into mirror.reading_ages as known (path, by_hours, unread, counted_at)
  with counted as materialized (
    select
      case
        when r.read_at is not null
        then least(48, greatest(0, floor(extract(epoch from statement_timestamp() - r.read_at) / 3600)))
      end::integer as hours,
      count(*) as shards
    from mirror.readings as r
    where r.path = counted_path
    group by 1
  )
  select
    counted_path,
    array(
      select coalesce(counted.shards, 0)
      from generate_series(0, 48) as age (hours)
      left join counted on counted.hours = age.hours
      order by age.hours
    ),
    coalesce((select counted.shards from counted where counted.hours is null), 0),
    statement_timestamp()
  on conflict (path) do update
  set by_hours = excluded.by_hours, unread = excluded.unread, counted_at = excluded.counted_at;

  delete from mirror.reading_sums as s
  using (
    select past.path, past.full_hour, past.part
    from mirror.reading_sums as past
    where past.path = counted_path
      and past.shards = 0
      and past.full_hour < this_hour - interval '1 hour'
    -- A reading that adds to one at the moment has it.
    for update skip locked
  ) as empty
  where (s.path, s.full_hour, s.part) = (empty.path, empty.full_hour, empty.part);
end
$function$;
grant execute on function mirror.count_figures(text,text[],integer) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.count_purgeable(older_than interval, claimable_days integer)
 RETURNS TABLE(path text, tombstones bigint)
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  declared mirror.paths;
begin
  for declared in
    select *
    from mirror.paths as p
    -- One that is no longer mirrored may have lost its table.
    where to_regclass(p.relation) is not null
    order by p.path
  loop
    path := declared.path;
    execute format(
      'select count(*) from %s as q where %s', declared.relation, mirror.purgeable(declared)
    ) into tombstones using older_than, claimable_days;
    return next;
  end loop;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.declaration_hash(path text, ref text, columns text[], visible_to text[])
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO ''
AS $function$
  select encode(sha256(convert_to(
    concat_ws(
      E'\n', path, ref,
      array_to_string(array(select name from unnest(columns) as name order by name collate "C"), ','),
      array_to_string(array(select name from unnest(visible_to) as name order by name collate "C"), ',')
    ),
    'UTF8'
  )), 'hex')
$function$;

CREATE OR REPLACE FUNCTION mirror.declare_path(path text, ref text, columns text[] DEFAULT '{}'::text[], visible_to text[] DEFAULT '{}'::text[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
#variable_conflict use_variable
declare
  relation constant regclass := format('rtdb.%I', path);
  key_columns constant text[] := array(
    select lower(regexp_replace(part.names[1], '([a-z0-9])([A-Z])', '\1_\2', 'g'))
    from regexp_matches(ref, '\{(\w+)\}', 'g') with ordinality as part (names, place)
    order by part.place
  );
  version_columns constant text[] :=
    '{payload,origin,event_id,event_time,deleted_at,tie_settled,mirrored_at}';
  primary_key constant text[] := array(
    select a.attname::text
    from pg_catalog.pg_index as i
    cross join unnest(i.indkey::smallint[]) with ordinality as k (attnum, place)
    join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indrelid = relation and i.indisprimary
    order by k.place
  );
  lacking constant text := mirror.lacking_columns(relation, key_columns || columns || version_columns);
  misplaced constant text := (
    select string_agg(wanted.name, ', ' order by wanted.place)
    from unnest(columns) with ordinality as wanted (name, place)
    where wanted.name = any (key_columns || version_columns)
      or array_position(columns, wanted.name) < wanted.place
  );
  -- Two texts may be one value of any other type; and only these two types are sorted as the writers do.
  odd_keys constant text := (
    select string_agg(a.attname, ', ' order by a.attname)
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation
      and a.attname = any (key_columns)
      and a.atttypid <> all (array['text', 'date']::regtype[])
  );
  generated constant text := (
    select string_agg(a.attname, ', ' order by a.attname)
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation
      and a.attname = any (key_columns || columns)
      and (a.attgenerated <> '' or a.attidentity <> '')
  );
  unordered constant text := (
    select string_agg(a.attname, ', ' order by a.attname)
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation
      and a.attname = any (key_columns)
      and a.atttypid = 'text'::regtype
      and a.attcollation <> '"C"'::regcollation
  );
  unknown_viewers constant text := (
    select string_agg(viewer.rule, ', ')
    from unnest(visible_to) as viewer (rule)
    where viewer.rule <> 'couple' and viewer.rule <> all (key_columns || columns)
  );
  odd_viewers constant text := (
    select string_agg(a.attname, ', ' order by a.attname)
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation
      and a.atttypid <> 'text'::regtype
      and a.attname = any (array_replace(visible_to, 'couple', key_columns[1]))
  );
  types constant jsonb := (
    select coalesce(jsonb_object_agg(a.attname, format_type(a.atttypid, a.atttypmod)), '{}')
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation and a.attname = any (columns)
  );
  days constant text[] := array(
    select a.attname::text
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation and a.attname = any (key_columns) and a.atttypid = 'date'::regtype
    order by a.attname
  );
  declared mirror.paths;
begin
  -- A bare null in a list that is written as text isn't a column's name.
  if array_position(columns || visible_to, null) is not null then
    raise exception 'a list of % holds a null: write "null" for a column of that name', path
      using errcode = 'invalid_name';
  end if;
  if lacking is not null then
    raise exception '% lacks columns: %', relation, lacking using errcode = 'undefined_column';
  end if;
  if primary_key is distinct from key_columns then
    raise exception 'the primary key of % is (%), and its ref asks for (%)',
      relation, array_to_string(primary_key, ', '), array_to_string(key_columns, ', ')
      using errcode = 'invalid_parameter_value';
  end if;
  if misplaced is not null then
    raise exception 'columns of % names one twice, or one that is not its own: %', relation, misplaced
      using errcode = 'duplicate_column';
  end if;
  if odd_keys is not null then
    raise exception 'the key of % needs text, or a date: %', relation, odd_keys
      using errcode = 'invalid_parameter_value';
  end if;
  if cardinality(days) > 1 then
    raise exception '% can have one date in its key, not: %', relation, array_to_string(days, ', ')
      using errcode = 'invalid_parameter_value';
  end if;
  if generated is not null then
    raise exception 'a claim cannot write the generated columns of %: %', relation, generated
      using errcode = 'invalid_parameter_value';
  end if;
  if unordered is not null then
    raise exception '% needs collation "C" for: %', relation, unordered
      using errcode = 'invalid_parameter_value';
  end if;
  if exists (
    select from unnest(key_columns || columns) as name where name !~ '^[a-z][a-z0-9_]{0,61}$'
  ) then
    raise exception 'a column of % has a name that is not plain', relation
      using errcode = 'invalid_name';
  end if;
  if unknown_viewers is not null then
    raise exception 'visible_to names no column of %: %', relation, unknown_viewers
      using errcode = 'undefined_column';
  end if;
  if odd_viewers is not null then
    raise exception 'visible_to needs text in: %', odd_viewers using errcode = 'invalid_parameter_value';
  end if;
  insert into mirror.paths as known (
    path, ref, relation, key_columns, other_columns, day_column, visible_to, declaration_hash
  )
  values (
    path, ref, relation::text, key_columns, types, days[1], visible_to,
    mirror.declaration_hash(path, ref, columns, visible_to)
  )
  on conflict on constraint paths_pkey do update
  set
    ref = excluded.ref,
    relation = excluded.relation,
    key_columns = excluded.key_columns,
    other_columns = excluded.other_columns,
    day_column = excluded.day_column,
    visible_to = excluded.visible_to,
    declaration_hash = excluded.declaration_hash,
    -- Rows that are there show what the declaration before told.
    columns_due_at = case
      when known.other_columns = excluded.other_columns then known.columns_due_at
      else clock_timestamp()
    end,
    removed_at = null
  returning known.* into declared;
  perform mirror.build_path(declared);
end
$function$;
comment on function mirror.declare_path(text,text,text[],text[]) is 'For migrations: records a mirrored path, and makes its functions, policies, grants and triggers.';

CREATE OR REPLACE FUNCTION mirror.end_columns(ended_path text, due_since timestamp with time zone)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  update mirror.paths as p
  set columns_due_at = null
  where p.path = ended_path and p.columns_due_at is not distinct from due_since;
  return found;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.end_listing(listed_path text, listing_began timestamp with time zone)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  update mirror.listings as l
  set
    listed_before = l.listed_at,
    listed_at = listing_began,
    ended_at = clock_timestamp(),
    began_at = null,
    after_key = null
  where l.path = listed_path and l.began_at = listing_began
$function$;
grant execute on function mirror.end_listing(text,timestamp with time zone) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.ended_gap(noted_path text)
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select max(ended.at)
  from (
    select c.to_at
    from mirror.coverage as c
    where c.reason in ('flag_off', 'percent', 'restored')
      and (c.path is null or c.path = noted_path)
      and c.to_at <= clock_timestamp()
    union all
    select mirror.truncated_at(noted_path)
  ) as ended (at)
  where not exists (
    select from mirror.listings as l where l.path = noted_path and l.gap_at >= ended.at
  )
$function$;
grant execute on function mirror.ended_gap(text) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.erase_books(ids text[], is_write boolean)
 RETURNS TABLE(book text, entries bigint)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  mention constant text := mirror.mentions_of(ids);
  patterns constant text[] := mirror.shards_of(ids);
  removed record;
begin
  for removed in
    select *
    from (values
      ('divergence_log', $condition$
        concat_ws(
          ',', mirror.naming_ref(b.path, b.ref, b.day), to_jsonb(b.shard), mirror.naming_key(b.path, b.key),
          b.rtdb_value, b.postgres_value, b.detail
        ) ~ $3
      $condition$),
      ('direct_writes', $condition$
        concat_ws(',', to_jsonb(b.shard), mirror.naming_key(b.path, b.key), b.old_payload, b.new_payload) ~ $3
      $condition$),
      ('suspects', $condition$
        concat_ws(',', to_jsonb(b.shard), mirror.naming_key(b.path, b.key)) ~ $3
      $condition$),
      ('readings', 'b.shard = any ($1) or b.shard like any ($2)'),
      ('client_claims', 'b.user_id = any ($1)'),
      ('identities', 'b.rtdb_user_id = any ($1) or b.app_user_id = any ($1)')
    ) as named (book, condition)
  loop
    book := removed.book;
    execute format(
      case
        when is_write
        then 'with gone as (delete from mirror.%1$I as b where %2$s returning 1) select count(*) from gone'
        else 'select count(*) from mirror.%1$I as b where %2$s'
      end,
      removed.book, removed.condition
    ) into entries using ids, patterns, mention;
    return next;
  end loop;

  -- Of these the rest stays. A backfill or a listing that has to begin anew does nothing twice.
  book := 'backfills';
  select count(*) into entries
  from mirror.backfills as b
  where concat_ws('"', b.config, b.checkpoint, b.failed, b.error) ~ mention;
  return next;
  if is_write then
    update mirror.backfills as b
    set
      config = case
        when jsonb_typeof(b.config -> 'shards') = 'array' then jsonb_set(b.config, '{shards}', (
          select coalesce(jsonb_agg(named.shard), '[]')
          from jsonb_array_elements(b.config -> 'shards') as named (shard)
          where named.shard::text !~ mention
        ))
        else b.config
      end,
      checkpoint = (
        select coalesce(jsonb_object_agg(reached.node, reached.shard), '{}')
        from jsonb_each(b.checkpoint) as reached (node, shard)
        where reached.shard::text !~ mention
      ),
      failed = (
        select coalesce(jsonb_agg(one.shard), '[]')
        from jsonb_array_elements(b.failed) as one (shard)
        where one.shard::text !~ mention
      ),
      error = case when b.error ~ mention then 'erased' else b.error end
    where concat_ws('"', b.config, b.checkpoint, b.failed, b.error) ~ mention;
  end if;
  book := 'listings';
  select count(*) into entries from mirror.listings as l where l.after_key ~ mention;
  return next;
  if is_write then
    update mirror.listings as l set after_key = null where l.after_key ~ mention;
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.erase_rows(erased_path text, ids text[], is_write boolean)
 RETURNS TABLE(shards bigint, keyed bigint, own bigint, mentioning bigint)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  declared mirror.paths;
  holds text;
  own_row text;
  naming text;
begin
  select p.* into strict declared from mirror.paths as p where p.path = erased_path;
  naming := mirror.naming_text(declared);
  holds := format(
    -- As text: the first part may be a day.
    'q.%1$I::text = any ($1) or q.%1$I::text like any ($2)%2$s', declared.key_columns[1],
    (
      select string_agg(format(' or q.%I = any ($1)', name), '')
      from unnest(array_remove(declared.key_columns[2:], declared.day_column)) as name
    )
  );
  -- Where no column holds a user, nobody can tell whose a row of a couple is.
  own_row := coalesce(
    (
      select string_agg(format('q.%I = any ($1)', name), ' or ')
      from unnest(array_remove(declared.key_columns[2:], declared.day_column)) as name
    ),
    'false'
  );
  perform set_config('mirror.writer', 'on', true);
  return query execute format(
    case
      when is_write then
        'with gone as (
           delete from %1$s as q
           where %2$s or %5$s ~ $3
           returning q.%4$I as shard, %2$s as is_held, %3$s as is_own
         )'
      else
        'with gone as (
           select q.%4$I as shard, %2$s as is_held, %3$s as is_own
           from %1$s as q
           where %2$s or %5$s ~ $3
         )'
    end
    || 'select count(distinct shard) filter (where is_held), count(*) filter (where is_held),
          count(*) filter (where is_own), count(*) filter (where not is_held)
        from gone',
    declared.relation, holds, own_row, declared.key_columns[1], naming
  ) using ids, mirror.shards_of(ids), mirror.mentions_of(ids);
end
$function$;

CREATE OR REPLACE FUNCTION mirror.erased_keys(asked_shard text, keys jsonb)
 RETURNS integer[]
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select array(
    select (asked.place - 1)::integer
    from jsonb_array_elements(keys) with ordinality as asked (parts, place)
    where (select mirror.erased_lengths()) is not null
      and mirror.is_erased(
        asked_shard, array(select jsonb_array_elements_text(asked.parts)), (select mirror.erased_lengths())
      )
    order by asked.place
  )
$function$;
grant execute on function mirror.erased_keys(text,jsonb) to quest_mirror_api;
grant execute on function mirror.erased_keys(text,jsonb) to quest_mirror_reader;
grant execute on function mirror.erased_keys(text,jsonb) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.erased_lengths()
 RETURNS integer[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return (select array_agg(distinct e.id_length) from mirror.erased as e);
end
$function$;
grant execute on function mirror.erased_lengths() to quest_mirror_api;
grant execute on function mirror.erased_lengths() to quest_mirror_reader;
grant execute on function mirror.erased_lengths() to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.fail_reading(failed_path text, failed_shard text, reason text, again interval)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  insert into mirror.readings (path, shard) values (failed_path, failed_shard) on conflict do nothing;
  update mirror.readings as r
  set
    failed_at = clock_timestamp(),
    error = left(reason, 1000),
    due_at = clock_timestamp() + again,
    taken_until = null
  where (r.path, r.shard) = (failed_path, failed_shard);
end
$function$;
grant execute on function mirror.fail_reading(text,text,text,interval) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.falls_into_gap(gap jsonb, event_time timestamp with time zone, from_hash text, to_hash text, is_from_known boolean)
 RETURNS boolean
 LANGUAGE sql
 STABLE PARALLEL SAFE
 SET search_path TO ''
AS $function$
  select case
    when event_time in (bounds.from_time, bounds.to_time) then
      is_from_known and from_hash is not distinct from gap ->> 'from_hash'
        or to_hash is not distinct from gap ->> 'to_hash'
    else event_time > bounds.from_time and event_time < bounds.to_time
  end
  from (
    select
      (gap ->> 'from_time')::pg_catalog.timestamptz,
      (gap ->> 'to_time')::pg_catalog.timestamptz
  ) as bounds (from_time, to_time)
$function$;
grant execute on function mirror.falls_into_gap(jsonb,timestamp with time zone,text,text,boolean) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.few_gaps(gaps jsonb, dropped integer)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO ''
AS $function$
  select jsonb_build_object('gaps', coalesce(jsonb_agg(gap order by n) filter (where n <= 16), '[]'))
    || case
      when dropped + count(*) filter (where n > 16) = 0 then '{}'
      else jsonb_build_object('gaps_dropped', dropped + count(*) filter (where n > 16))
    end
  from jsonb_array_elements(gaps) with ordinality as kept (gap, n)
$function$;
grant execute on function mirror.few_gaps(jsonb,integer) to quest_mirror_api;
grant execute on function mirror.few_gaps(jsonb,integer) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.fill_rows(filled_path text, filled_shard text, leaves jsonb, found_rows jsonb)
 RETURNS integer[]
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  declared mirror.paths;
  columns text[];
  inserted integer[];
begin
  select p.* into strict declared from mirror.paths as p where p.path = filled_path;
  perform mirror.refuse_unknown_columns(declared, leaves);
  columns := declared.key_columns || array(select jsonb_object_keys(declared.other_columns));
  perform set_config('mirror.writer', 'on', true);
  execute format(
    -- No column's name begins with `_`.
    'with leaf as materialized (
       select (l.place - 1)::integer as _n, r.*
       from jsonb_array_elements($1) with ordinality as l (told, place)
       cross join lateral jsonb_populate_record(null::%1$s, l.told -> ''row'') as r
       where (select mirror.erased_lengths()) is null
         or not mirror.is_erased(r.%7$I::text, array[%8$s]::text[], (select mirror.erased_lengths()))
     ),
     inserted as (
       insert into %1$s (%2$s, payload, origin, event_time)
       select %3$s, leaf.payload, ''backfill'', ''-infinity'' from leaf order by leaf._n
       -- Of the key alone: a constraint of the team''s is to say that it refuses the row.
       on conflict (%4$s) do nothing
       returning %4$s
     )
     select coalesce(array_agg(leaf._n), ''{}'')
     from leaf
     join inserted as i on (%5$s) = (%6$s)',
    declared.relation,
    mirror.name_list(columns, '%I'), mirror.name_list(columns, 'leaf.%I'),
    mirror.name_list(declared.key_columns, '%I'),
    mirror.name_list(declared.key_columns, 'i.%I'), mirror.name_list(declared.key_columns, 'leaf.%I'),
    declared.key_columns[1], mirror.other_parts(declared, 'r.%I')
  ) into inserted using leaves;
  perform mirror.settle_written(
    filled_path, filled_shard, 'backfill',
    array(select leaves -> n ->> 'ref' from unnest(inserted) as n),
    array['missing_in_postgres'], found_rows
  );
  return inserted;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.gate_evidence(judged_path text, judged_shard text, canary_shards text[], window_length interval, new_within interval, full_within interval)
 RETURNS TABLE(at timestamp with time zone, began_at timestamp with time zone, first_pass_at timestamp with time zone, listed_at timestamp with time zone, verified_to timestamp with time zone, shards bigint, unread_shards bigint, failed_shards bigint, failed_shard text, failed_error text, old_full_shards bigint, affected_shards bigint, oldest_full_at timestamp with time zone, copy_rate jsonb, mirror_rate jsonb, causes jsonb)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
#variable_conflict use_column
declare
  declared mirror.paths;
  window_at timestamptz;
  full_limit timestamptz;
  truncated_at timestamptz;
  restores tstzrange[];
  readable bigint;
  never_read bigint;
  failed_known bigint;
  newcomers bigint;
  left_out bigint;
  -- Of what may be all shards of a path, after a gap or in its first pass, sums do.
  bulk_unread bigint;
  is_bulk_uncounted boolean;
  old_full record;
  sums record;
begin
  select p.* into strict declared from mirror.paths as p where p.path = judged_path;
  at := statement_timestamp();
  window_at := at - window_length;
  began_at := declared.began_at;
  first_pass_at := declared.first_pass_at;
  listed_at := (select l.listed_at from mirror.listings as l where l.path = judged_path);
  truncated_at := mirror.truncated_at(judged_path);
  -- A full reading proves nothing once mirroring was off, or a store was put back.
  full_limit := greatest(at - full_within, truncated_at, (
    select max(coalesce(c.to_at, at))
    from mirror.coverage as c
    where c.reason in ('flag_off', 'percent', 'restored')
      and (c.path is null or c.path = judged_path)
      and (c.to_at <= at or c.reason = 'restored')
  ));
  restores := (
    select coalesce(array_agg(tstzrange(c.from_at, coalesce(c.to_at, at), '[]')), '{}')
    from mirror.coverage as c
    where c.reason = 'restored' and (c.path is null or c.path = judged_path)
  );

  select
    count(*),
    count(*) filter (where r.read_at is not null or r.first_seen_at <= at - new_within),
    min(r.shard)
  into failed_shards, failed_known, failed_shard
  from mirror.readings as r
  where r.path = judged_path
    and r.failed_at is not null
    and (judged_shard is null or r.shard = judged_shard);
  failed_error := (
    select r.error from mirror.readings as r where (r.path, r.shard) = (judged_path, failed_shard)
  );
  select
    count(*) filter (where r.first_seen_at > at - new_within),
    count(*) filter (where r.first_seen_at <= at - new_within and r.failed_at is null)
  into newcomers, never_read
  from mirror.readings as r
  where r.path = judged_path
    and r.read_at is null
    and (judged_shard is null or r.shard = judged_shard);

  select
    coalesce(sum(s.shards), 0) as shards,
    coalesce(sum(s.uncounted), 0) as uncounted,
    coalesce(sum(s.keys), 0) as keys,
    coalesce(sum(s.brought), 0) as brought
  into sums
  from mirror.reading_sums as s
  where s.path = judged_path and judged_shard is null;
  shards := case
    when judged_shard is null then sums.shards
    else (select count(*) from mirror.readings as r where (r.path, r.shard) = (judged_path, judged_shard))
  end;
  readable := shards - newcomers - failed_known;
  verified_to := case
    when listed_at is null then null
    when shards = newcomers then listed_at
    when never_read > readable / 1000 then null
    else least(listed_at, (
      select r.read_at
      from mirror.readings as r
      where r.path = judged_path
        and r.read_at is not null
        and r.failed_at is null
        and (judged_shard is null or r.shard = judged_shard)
      order by r.read_at
      offset readable / 1000 - never_read
      limit 1
    ))
  end;
  oldest_full_at := (
    select min(r.full_at)
    from mirror.readings as r
    where r.path = judged_path and (judged_shard is null or r.shard = judged_shard)
  );
  -- From 20 shards on, one of each 1,000.
  left_out := case when shards < 20 then 0 else (shards + 999) / 1000 end;
  bulk_unread := case when judged_shard is null and never_read > 1000 then never_read else 0 end;
  is_bulk_uncounted := first_pass_at is not null and sums.uncounted > 1000;
  -- Of the limit's hour shard by shard, of those before by their sums.
  select sum(o.shards) as shards, sum(o.keys) as keys, sum(o.keys_or_one) as total
  into old_full
  from (
    select
      coalesce(sum(s.shards), 0) as shards, coalesce(sum(s.keys), 0) as keys,
      coalesce(sum(s.keys_or_one), 0) as keys_or_one
    from mirror.reading_sums as s
    where s.path = judged_path
      and s.full_hour < date_trunc('hour', full_limit, 'UTC')
      and judged_shard is null
    union all
    select count(*), coalesce(sum(r.keys), 0), coalesce(sum(greatest(r.keys, 1)), 0)
    from mirror.readings as r
    where r.path = judged_path
      and r.full_at >= date_trunc('hour', full_limit, 'UTC')
      and r.full_at < full_limit
      and judged_shard is null
  ) as o;

  execute format($statement$
    with
    open as materialized (
      select
        coalesce(log.shard, '') as shard, log.ref, log.key, log.kind, log.cause,
        log.keys, log.written_after, log.written_before,
        -- Columns that a changed declaration has not computed yet: nobody knows.
        log.kind = 'column_mismatch' and $18 as is_due
      from mirror.divergence_log as log
      where log.path = $1
        and log.resolved_at is null
        and log.written_before is not null
        and log.kind in (
          'missing_in_postgres', 'missing_in_rtdb', 'value_mismatch', 'column_mismatch', 'invalid_payload'
        )
        and ($2 is null or log.shard = $2)
    ),
    open_by_shard as materialized (
      select
        open.shard,
        coalesce(sum(open.keys) filter (where not open.is_due), 0) as keys,
        coalesce(sum(open.keys) filter (where open.is_due), 0) as due,
        coalesce(sum(open.keys) filter (where open.kind = 'invalid_payload'), 0) as odd
      from open
      group by open.shard
    ),
    told as (
      select open.*, null::timestamptz as resolved_at, null::text as resolved_by, null::date as day
      from open
      union all
      select
        log.shard, log.ref, log.key, log.kind, log.cause, log.keys, log.written_after,
        log.written_before, log.kind = 'column_mismatch' and $18, log.resolved_at, log.resolved_by,
        log.day
      from mirror.divergence_log as log
      where log.path = $1
        and log.written_before > $3 - interval '7 days'
        and log.resolved_by in ('repair', 'backfill', 'client', 'direct')
        and log.kind in (
          'missing_in_postgres', 'missing_in_rtdb', 'value_mismatch', 'column_mismatch', 'invalid_payload'
        )
        and ($2 is null or log.shard = $2)
    ),
    -- Each key once: that a repair is followed by another loss makes it one lost key.
    lost as materialized (
      select
        told.shard, told.ref, max(told.keys - past.writes) as keys, min(told.kind) as kind,
        min(told.cause) as cause,
        -- What is missing may have been written before the window: a day before the reading, to the minute. Of what
        -- somebody put right by hand before it was looked at nobody knows whether its event was lost.
        bool_and(
          told.is_due
          or past.fills >= told.keys
          or told.written_after is not null and told.written_after < r.read_at - $12
        ) as is_unsure
      from told
      -- limit: one look-up for each. Planned as a join it may read all readings.
      cross join lateral (
        select known.read_at, known.failed_at, known.counted_since
        from mirror.readings as known
        where (known.path, known.shard) = ($1, told.shard)
        limit 1
      ) as r
      cross join lateral (
        select
          count(*) filter (where not fill.is_one) as writes,
          count(*) filter (where fill.is_one) as fills
        from mirror.direct_writes as d
        cross join lateral (
          select coalesce(told.resolved_by, '') = 'direct'
            or told.kind = 'missing_in_postgres' and d.operation = 'insert' as is_one
        ) as fill
        where d.path = $1
          and d.shard = told.shard
          and md5(d.shard) = md5(told.shard)
          and (told.keys > 1 or d.key = told.key)
          and d.written_at > coalesce(told.written_after, '-infinity')
          and d.written_at <= told.written_before
      ) as past
      -- What is older needs no look-up.
      where told.written_before > least($3, $4) - $12
        and (r.read_at >= $3 or (r.read_at >= $4 and r.failed_at is null))
        and told.written_before > greatest(r.counted_since, r.read_at - $12)
        and told.written_before <= r.read_at
        and coalesce(told.written_after, '-infinity') >= r.counted_since
        and past.writes < told.keys
        -- Its write is known no more once another followed.
        and told.cause <> 'direct_postgres_write'
        and not coalesce(
          $5 > coalesce(told.written_after, '-infinity') and $5 <= told.written_before, false
        )
        and not exists (
          select
          from unnest($6) as restore
          where restore && tstzrange(coalesce(told.written_after, '-infinity'), told.written_before, '[]')
        )
        -- Made good by hand, and written again by an event since: the event brought it.
        and not (
          told.resolved_by in ('repair', 'backfill', 'client')
          and told.kind <> 'invalid_payload'
          and exists (
            select
            from %1$s as q
            where %2$s
              and q.origin = 'rtdb'
              and q.mirrored_at > told.resolved_at
              and q.mirrored_at <= r.read_at
          )
        )
      group by told.shard, told.ref
    ),
    lost_by_shard as materialized (
      select
        lost.shard,
        coalesce(sum(lost.keys) filter (where not lost.is_unsure), 0) as keys,
        coalesce(sum(lost.keys) filter (where lost.is_unsure), 0) as unsure
      from lost
      group by lost.shard
    ),
    direct_by_shard as materialized (
      select d.shard, count(*) as keys
      from mirror.direct_writes as d
      left join lateral (
        select known.read_at, known.touched_at
        from mirror.readings as known
        where (known.path, known.shard) = (d.path, d.shard)
        limit 1
      ) as r on true
      where d.path = $1
        and d.shard is not null
        and d.shard <> all ($7)
        and ($2 is null or d.shard = $2)
        and d.written_at > coalesce($4, '-infinity')
        and d.written_at > coalesce(greatest(r.read_at, r.touched_at), '-infinity')
        and not exists (select from open where open.shard = d.shard and open.key = d.key)
      group by d.shard
    ),
    named as materialized (
      select shard from open_by_shard
      union
      select shard from lost_by_shard
      union
      select shard from direct_by_shard
      union
      select $2 as shard where $2 is not null
      -- Neighbours in the table are looked up together.
      order by shard
    ),
    -- The rest of those of which sums don't tell all, by the place of their row: found by one index, read once.
    picked as (
      select r.ctid as row from mirror.readings as r
      where r.path = $1 and $2 is null and r.read_at < $4
      union
      select r.ctid from mirror.readings as r
      where r.path = $1 and $2 is null and r.read_at is null and $13 = 0
      union
      select r.ctid from mirror.readings as r
      where r.path = $1 and $2 is null and r.failed_at is not null
      union
      select r.ctid from mirror.readings as r
      where r.path = $1 and $2 is null and r.in_flight > 0
      union
      -- In a path's first pass it is null of all, and nothing was counted yet.
      select r.ctid from mirror.readings as r
      where r.path = $1 and $2 is null and r.counted_since is null and r.read_at is not null
        and $14 is not null and not $19
      union
      -- Of what was read before a TRUNCATE nothing is left.
      select r.ctid from mirror.readings as r
      where r.path = $1 and $2 is null and r.read_at <= $5 and coalesce(r.touched_at <= $5, true)
      union
      select r.ctid from mirror.readings as r
      where r.path = $1 and $2 is null and r.read_at is null and coalesce(r.touched_at, '-infinity') <= $5
      union
      -- Where many are old, by weight until enough are found; a few (offset: planned by itself) are all sorted.
      (
        select r.ctid from mirror.readings as r
        where r.path = $1 and $2 is null and $22 and r.full_at < $8 order by r.keys desc limit 2 * $9
      )
      union
      (
        select old.row
        from (
          select r.ctid as row, r.keys
          from mirror.readings as r
          where r.path = $1 and $2 is null and not $22 and r.full_at < $8
          offset 0
        ) as old
        order by old.keys desc
        limit 2 * $9
      )
      union
      (
        select r.ctid from mirror.readings as r
        where r.path = $1 and $2 is null order by r.keys desc limit 2 * $9
      )
      union
      (
        select r.ctid from mirror.readings as r
        where r.path = $1 and $2 is null
          -- What counts of them: see below.
          and (r.read_at >= $3 or r.failed_at is null and r.read_at >= coalesce($4, '-infinity'))
        order by r.brought desc
        limit 2 * $9
      )
    ),
    known as materialized (
      select named.shard, r.*
      from named
      left join lateral (
        select
          one.keys, one.brought, one.in_flight, one.first_seen_at, one.read_at, one.touched_at,
          one.counted_since, one.full_at, one.failed_at, true as has_row
        from mirror.readings as one
        where (one.path, one.shard) = ($1, named.shard)
        limit 1
      ) as r on true
      union all
      select
        one.shard, one.keys, one.brought, one.in_flight, one.first_seen_at, one.read_at, one.touched_at,
        one.counted_since, one.full_at, one.failed_at, true
      from picked
      join mirror.readings as one on one.ctid = picked.row
      where one.shard not in (select shard from named)
    ),
    looked_at as materialized (
      select
        r.shard,
        coalesce(r.keys, 0) as read_keys,
        coalesce(r.brought, 0) as read_brought,
        coalesce(r.in_flight, 0) as in_flight,
        coalesce(o.due, 0) as due,
        r.read_at,
        r.counted_since,
        coalesce(o.odd, 0) as odd,
        -- After a TRUNCATE nothing is left of what was read before.
        case
          when $5 >= coalesce(greatest(r.read_at, r.touched_at), '-infinity')
          then greatest(coalesce(r.keys, 0) + coalesce(o.odd, 0), coalesce(o.keys, 0))
          else coalesce(o.keys, 0) + coalesce(d.keys, 0)
        end as differing,
        coalesce(l.keys, 0) as lost,
        coalesce(l.unsure, 0) as unsure,
        -- Of a shard without a row nothing but a write past the mirror is known.
        r.has_row is not null and r.read_at is null and r.first_seen_at > $10 as is_new,
        r.has_row is not null
          and (r.failed_at is not null or coalesce(r.read_at < $4, r.read_at is null)) as is_unread,
        r.has_row is not null and coalesce(r.full_at < $8, true) as is_full_old
      from known as r
      left join open_by_shard as o on o.shard = r.shard
      left join lost_by_shard as l on l.shard = r.shard
      left join direct_by_shard as d on d.shard = r.shard
    ),
    moved as materialized (
      select m.shard, count(*) as rows
      from looked_at as m
      join %1$s as q on q.%3$I = m.shard
      where (m.is_unread or m.counted_since is null)
        and not m.is_new
        and not $19
        and q.mirrored_at > greatest(
          $3, case when m.counted_since is null then null else m.read_at end
        )
      group by m.shard
    ),
    judged as materialized (
      select
        k.shard, k.read_at is not null as is_read, k.read_keys, k.read_brought, k.is_new, k.is_unread, k.is_full_old, k.differing, k.lost,
        greatest(
          k.read_keys + k.odd,
          k.differing + case when k.is_unread or k.is_full_old then 0 else k.in_flight + k.due end,
          case when k.is_unread or k.is_full_old then 1 else 0 end
        ) as total,
        k.is_unread or k.is_full_old as is_unknown,
        k.in_flight + k.due as in_flight,
        case
          when k.is_unread and coalesce(k.read_at, '-infinity') < $3 then 0
          else k.read_brought
        end as brought,
        case
          when k.is_unread then greatest(1, coalesce(m.rows, 0), k.in_flight)
          when k.counted_since is null then greatest(coalesce(m.rows, 0), k.in_flight)
          else k.in_flight
        end + k.unsure as unjudged
      from looked_at as k
      left join moved as m on m.shard = k.shard
    ),
    tallied as materialized (
      select
        j.shard, j.is_read, j.read_keys, j.read_brought, j.is_unread, j.is_full_old, j.differing, j.lost,
        j.total,
        case when j.is_unknown then j.total - j.differing else j.in_flight end as unknown,
        j.brought + j.lost + j.unjudged as written,
        j.unjudged
      from judged as j
      where not j.is_new
    ),
    -- All that moved in the window, where of too many shards it is unknown.
    bulk as (
      select case
        when $19 then (
          select count(*) from %1$s as q where q.mirrored_at > $3 and q.%3$I <> all ($7)
        )
        else 0
      end as moved
    ),
    -- Those that may be left out: shards of which the same is known are one group, but for the worst, which are
    -- named.
    copy_worst as materialized (
      select t.shard from tallied as t where t.differing > 0
      order by t.differing desc, t.total desc
      limit $9
    ),
    mirror_worst as materialized (
      select t.shard from tallied as t where t.lost > 0
      order by t.lost desc, t.written desc
      limit $9
    ),
    copy_groups as (
      select worst.shard, count(*) as shards, t.total, t.differing, t.unknown
      from tallied as t
      left join copy_worst as worst on worst.shard = t.shard
      where t.total > 0
      group by worst.shard, t.total, t.differing, t.unknown
    ),
    mirror_groups as (
      select
        worst.shard, count(*) as shards, t.written as total, t.lost as differing, t.unjudged as unknown
      from tallied as t
      left join mirror_worst as worst on worst.shard = t.shard
      where t.written > 0
      group by worst.shard, t.written, t.lost, t.unjudged
    ),
    causes as (
      select c.kind, c.cause, sum(c.open)::bigint as open, sum(c.lost)::bigint as lost
      from (
        select open.kind, open.cause, open.keys as open, 0 as lost from open
        union all
        select lost.kind, lost.cause, 0, lost.keys from lost where not lost.is_unsure
      ) as c
      group by c.kind, c.cause
    ),
    overall as (
      select
        coalesce(sum(t.read_keys), 0) as read_keys,
        coalesce(sum(t.read_brought), 0) as read_brought,
        coalesce(sum(t.total), 0) as total,
        coalesce(sum(t.differing), 0) as differing,
        coalesce(sum(t.unknown), 0) as unknown,
        coalesce(sum(t.written), 0) as written,
        coalesce(sum(t.lost), 0) as lost,
        coalesce(sum(t.unjudged), 0) as unjudged,
        count(*) filter (where t.differing > 0 or t.lost > 0) as affected,
        count(*) filter (where t.is_unread) as unread,
        count(*) filter (where t.is_full_old and t.is_read) as old_full,
        coalesce(sum(t.read_keys) filter (where t.is_full_old and t.is_read), 0) as old_keys,
        coalesce(sum(greatest(t.read_keys, 1)) filter (where t.is_full_old and t.is_read), 0) as old_total
      from tallied as t
    ),
    -- Shards that were not read in full for too long, and are not among those looked at.
    rest as (
      select
        $15 - overall.old_full as shards,
        $16 - overall.old_keys as keys,
        $17 - overall.old_total as total
      from overall
      where $2 is null
      union all
      select 0, 0, 0 where $2 is not null
    )
    select
      overall.unread + $11 + $13,
      overall.old_full + rest.shards,
      overall.affected,
      jsonb_build_object(
        'total', case when $2 is null then $20 - overall.read_keys else 0 end + overall.total
          + rest.total - rest.keys + $13,
        'differing', overall.differing,
        'unknown', overall.unknown + rest.total + $13,
        'groups', (select coalesce(jsonb_agg(to_jsonb(g)), '[]') from copy_groups as g)
      ),
      jsonb_build_object(
        'total', case when $2 is null then $21 - overall.read_brought else 0 end
          + overall.written + $13 + bulk.moved,
        'differing', overall.lost,
        'unknown', overall.unjudged + $13 + bulk.moved,
        'groups', (select coalesce(jsonb_agg(to_jsonb(g)), '[]') from mirror_groups as g)
      ),
      (
        select coalesce(jsonb_agg(to_jsonb(c) order by c.open + c.lost desc, c.kind, c.cause), '[]')
        from causes as c
      )
    from overall, bulk, rest
  $statement$,
    declared.relation,
    (
      select string_agg(
        case
          when k.name = declared.day_column then format('q.%I = told.day', k.name)
          else format('q.%I = told.key ->> %L', k.name, k.name)
        end,
        ' and ' order by k.place
      )
      from unnest(declared.key_columns) with ordinality as k (name, place)
    ),
    declared.key_columns[1]
  )
  into unread_shards, old_full_shards, affected_shards, copy_rate, mirror_rate, causes
  using judged_path, judged_shard, window_at, verified_to, truncated_at, restores, canary_shards,
    full_limit, left_out, at - new_within, newcomers, window_length, bulk_unread, first_pass_at, old_full.shards,
    old_full.keys, old_full.total, declared.columns_due_at is not null, is_bulk_uncounted, sums.keys,
    sums.brought, old_full.shards * 20 > shards;
  return next;
end
$function$;
grant execute on function mirror.gate_evidence(text,text,text[],interval,interval,interval) to quest_mirror_reader;
grant execute on function mirror.gate_evidence(text,text,text[],interval,interval,interval) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.give_back(given_paths text[], given_shards text[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  with held as materialized (
    select r.path, r.shard
    from unnest(given_paths, given_shards) as given (path, shard)
    join mirror.readings as r on (r.path, r.shard) = (given.path, given.shard collate "C")
    order by r.path, r.shard
    for update of r
  )
  update mirror.readings as r
  set taken_until = null
  from held
  where (r.path, r.shard) = (held.path, held.shard);
end
$function$;
grant execute on function mirror.give_back(text[],text[]) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.guard(guarded regclass, roles text[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  guest text;
begin
  execute format('alter table %s enable row level security', guarded);
  execute format('revoke all on %s from public', guarded);
  foreach guest in array array['anon', 'authenticated'] loop
    -- Supabase's default privileges may have given them everything, TRUNCATE included.
    if exists (select from pg_catalog.pg_roles where rolname = guest) then
      execute format('revoke all on %s from %I', guarded, guest);
    end if;
  end loop;
  foreach guest in array roles loop
    execute format('drop policy if exists %I on %s', guest, guarded);
    execute format('create policy %1$I on %2$s to %1$I using (true) with check (true)', guest, guarded);
  end loop;
end
$function$;
comment on function mirror.guard(regclass,text[]) is 'For migrations: row level security on a table, with a policy for each of the roles.';

CREATE OR REPLACE FUNCTION mirror.ids_of(subject text)
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return array[subject] || array(
    select i.rtdb_user_id
    from mirror.identities as i
    where i.app_user_id = subject
    order by i.rtdb_user_id
  );
end
$function$;
grant execute on function mirror.ids_of(text) to quest_mirror_api;
grant execute on function mirror.ids_of(text) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.instant_of(leaf jsonb)
 RETURNS timestamp with time zone
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (jsonb_typeof(leaf) <> 'number'::text) THEN NULL::timestamp with time zone WHEN (((leaf)::numeric >= '100000000000'::numeric) AND ((leaf)::numeric <= ('253402300799999'::bigint)::numeric)) THEN to_timestamp((((leaf)::numeric / (1000)::numeric))::double precision) ELSE NULL::timestamp with time zone END;
grant execute on function mirror.instant_of(jsonb) to quest_mirror_reader;

CREATE OR REPLACE FUNCTION mirror.integer_of(leaf jsonb)
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (jsonb_typeof(leaf) <> 'number'::text) THEN NULL::integer WHEN ((((leaf)::numeric >= ('-2147483648'::integer)::numeric) AND ((leaf)::numeric <= (2147483647)::numeric)) AND (((leaf)::numeric % (1)::numeric) = (0)::numeric)) THEN (leaf)::integer ELSE NULL::integer END;
grant execute on function mirror.integer_of(jsonb) to quest_mirror_reader;

CREATE OR REPLACE FUNCTION mirror.is_erased(shard text, other_parts text[])
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  lengths constant integer[] := mirror.erased_lengths();
begin
  return lengths is not null and mirror.is_erased(shard, other_parts, lengths);
end
$function$;
grant execute on function mirror.is_erased(text,text[]) to quest_mirror_api;
grant execute on function mirror.is_erased(text,text[]) to quest_mirror_reader;
grant execute on function mirror.is_erased(text,text[]) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.is_erased(shard text, other_parts text[], lengths integer[])
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  shard_length constant integer := length(shard);
  hashes bytea[];
  id_length integer;
  part text;
begin
  foreach id_length in array lengths loop
    if id_length = shard_length then
      hashes := hashes || sha256(convert_to(shard, 'UTF8'));
    elsif id_length < shard_length then
      if substr(shard, id_length + 1, 1) = '_' then
        hashes := hashes || sha256(convert_to(left(shard, id_length), 'UTF8'));
      end if;
      if substr(shard, shard_length - id_length, 1) = '_' then
        hashes := hashes || sha256(convert_to(right(shard, id_length), 'UTF8'));
      end if;
    end if;
    foreach part in array other_parts loop
      if length(part) = id_length then
        hashes := hashes || sha256(convert_to(part, 'UTF8'));
      end if;
    end loop;
  end loop;
  return hashes is not null and exists (
    select
    from mirror.erased as e
    where e.id_sha256 = any (hashes) and e.until > clock_timestamp()
  );
end
$function$;
grant execute on function mirror.is_erased(text,text[],integer[]) to quest_mirror_api;
grant execute on function mirror.is_erased(text,text[],integer[]) to quest_mirror_reader;
grant execute on function mirror.is_erased(text,text[],integer[]) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.is_own_rtdb(seen_instance text, seen_host text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
begin
  if not exists (select from mirror.identity) then
    insert into mirror.identity (instance, host) values (seen_instance, seen_host)
    on conflict do nothing;
  end if;
  return exists (
    select from mirror.identity as i where (i.instance, i.host) = (seen_instance, seen_host)
  );
end
$function$;
grant execute on function mirror.is_own_rtdb(text,text) to quest_mirror_api;
grant execute on function mirror.is_own_rtdb(text,text) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.items(node jsonb)
 RETURNS TABLE(key text, place integer, item jsonb)
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT ((listed.place - 1))::text AS text,
     ((listed.place - 1))::integer AS int4,
     listed.item
    FROM jsonb_array_elements(
         CASE jsonb_typeof(items.node)
             WHEN 'array'::text THEN items.node
             ELSE '[]'::jsonb
         END) WITH ORDINALITY listed(item, place)
   WHERE (jsonb_typeof(listed.item) <> 'null'::text)
 UNION ALL
  SELECT mapped.key,
         CASE
             WHEN (mapped.key ~ '^(0|[1-9][0-9]{0,8})$'::text) THEN (mapped.key)::integer
             ELSE NULL::integer
         END AS "case",
     mapped.value
    FROM jsonb_each(
         CASE jsonb_typeof(items.node)
             WHEN 'object'::text THEN items.node
             ELSE '{}'::jsonb
         END) mapped(key, value)
   WHERE (jsonb_typeof(mapped.value) <> 'null'::text);
END;
grant execute on function mirror.items(jsonb) to quest_mirror_reader;

CREATE OR REPLACE FUNCTION mirror.keys_mentioning(asked_path text, ids text[], most integer)
 RETURNS TABLE(parts text[])
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  declared mirror.paths;
begin
  select p.* into strict declared from mirror.paths as p where p.path = asked_path;
  return query execute format(
    'select array[%1$s]
     from %2$s as q
     where not (q.%3$I::text = any ($1) or q.%3$I::text like any ($2)) and %4$s ~ $3
     limit $4',
    (
      select string_agg(
        case
          when k.name = declared.day_column
          then format('coalesce(to_char(q.%1$I, ''YYYY-MM-DD''), q.%1$I::text)', k.name)
          else format('q.%I', k.name)
        end,
        ', ' order by k.place
      )
      from unnest(declared.key_columns) with ordinality as k (name, place)
    ),
    declared.relation, declared.key_columns[1], mirror.naming_text(declared)
  ) using ids, mirror.shards_of(ids), mirror.mentions_of(ids), most;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.keys_of_ref(ref_path text, ref text)
 RETURNS text[]
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  select array(
    select place.key
    from unnest(string_to_array(ref, '/')) with ordinality as place (key, n)
    where place.key is distinct from (
      select (string_to_array(p.ref, '/'))[place.n] from mirror.paths as p where p.path = ref_path
    )
    order by place.n
  )
$function$;
grant execute on function mirror.keys_of_ref(text,text) to quest_mirror_api;
grant execute on function mirror.keys_of_ref(text,text) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.lacking_columns(relation regclass, names text[])
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  select string_agg(wanted.name, ', ' order by wanted.place)
  from unnest(names) with ordinality as wanted (name, place)
  where not exists (
    select
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation and a.attname = wanted.name and not a.attisdropped
  )
$function$;

CREATE OR REPLACE FUNCTION mirror.leave_out_erased()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if exists (select from mirror.erased) and mirror.is_erased(new.shard, '{}') then
    return null;
  end if;
  return new;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.log_reading(read_path text, read_shard text, finder text, found_rows jsonb, renewed jsonb, resolved jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform
  from mirror.divergence_log as log
  where log.id in (
    select (told ->> 'id')::bigint from jsonb_array_elements(renewed || resolved) as told
  )
  order by log.ref, log.kind
  for update;
  update mirror.divergence_log as log
  set
    resolved_at = clock_timestamp(),
    resolved_by = over.by,
    last_seen_at = greatest(log.last_seen_at, clock_timestamp())
  from jsonb_to_recordset(resolved) as over (id bigint, by text)
  where log.id = over.id and log.resolved_at is null;
  update mirror.divergence_log as log
  set
    last_seen_at = clock_timestamp(),
    times_seen = log.times_seen + 1,
    keys = coalesce(again.keys, log.keys),
    cause = coalesce(again.cause, log.cause),
    severity = coalesce(again.severity, log.severity),
    detail = coalesce(log.detail, '{}') || coalesce(again.detail, '{}')
  from jsonb_to_recordset(renewed) as again (
    id bigint, keys integer, cause text, severity text, detail jsonb
  )
  where log.id = again.id and log.resolved_at is null;
  insert into mirror.divergence_log as log (
    path, ref, shard, day, key, kind, cause, severity, detected_by, keys, rtdb_value, postgres_value,
    detail, event_id, event_time, written_after, written_before, resolved_at, resolved_by
  )
  select
    read_path, f.ref, read_shard, f.day, f.key, f.kind, f.cause, f.severity, finder,
    coalesce(f.keys, 1), f.rtdb_value, f.postgres_value, f.detail, f.event_id, f.event_time,
    f.written_after, f.written_before,
    case when f.resolved_by is not null then clock_timestamp() end, f.resolved_by
  from jsonb_to_recordset(found_rows) as f (
    ref text,
    day date,
    key jsonb,
    kind text,
    cause text,
    severity text,
    keys integer,
    rtdb_value jsonb,
    postgres_value jsonb,
    detail jsonb,
    event_id text,
    event_time timestamptz,
    written_after timestamptz,
    written_before timestamptz,
    resolved_by text
  )
  order by f.ref, f.kind
  -- A row of the trigger's, or of a claim's, that no reading has seen yet: it is one difference.
  on conflict (md5(ref), kind, path) where resolved_at is null do update
  set
    times_seen = log.times_seen + 1,
    last_seen_at = clock_timestamp(),
    keys = excluded.keys,
    cause = excluded.cause,
    severity = excluded.severity,
    rtdb_value = excluded.rtdb_value,
    postgres_value = excluded.postgres_value,
    detail = coalesce(log.detail, '{}') || excluded.detail,
    written_after = coalesce(log.written_after, excluded.written_after),
    written_before = coalesce(log.written_before, excluded.written_before);
end
$function$;
grant execute on function mirror.log_reading(text,text,text,jsonb,jsonb,jsonb) to quest_mirror_api;
grant execute on function mirror.log_reading(text,text,text,jsonb,jsonb,jsonb) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.make_due(wanted_paths text[], wanted_shards text[], in_full boolean)
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  asked_at constant timestamptz := clock_timestamp();
begin
  insert into mirror.readings as r (path, shard, made_due_at)
  select p.path, wanted.shard, asked_at
  from mirror.paths as p
  cross join (select distinct shard from unnest(wanted_shards) as given (shard)) as wanted
  where p.path = any (wanted_paths)
  order by p.path, wanted.shard collate "C"
  on conflict (path, shard) do update
  set
    due_at = least(r.due_at, asked_at),
    made_due_at = asked_at,
    is_full_due = r.is_full_due or in_full;
  return asked_at;
end
$function$;
grant execute on function mirror.make_due(text[],text[],boolean) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.make_page_due(wanted_path text, in_full boolean, asked_at timestamp with time zone, read_before timestamp with time zone, after_shard text, most integer)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
declare
  page constant text[] := array(
    select r.shard
    from mirror.readings as r
    where r.path = wanted_path and (after_shard is null or r.shard > after_shard)
    order by r.shard
    limit most
  );
begin
  with held as materialized (
    select r.shard
    from mirror.readings as r
    where r.path = wanted_path
      and r.shard = any (page)
      and (read_before is null or coalesce(r.full_at, '-infinity') < read_before)
    order by r.shard
    for update
  )
  update mirror.readings as r
  set
    is_full_due = r.is_full_due or in_full,
    made_due_at = asked_at,
    due_at = least(r.due_at, asked_at)
  from held
  where r.path = wanted_path and r.shard = held.shard;
  return page[most];
end
$function$;
grant execute on function mirror.make_page_due(text,boolean,timestamp with time zone,timestamp with time zone,text,integer) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.mentions_of(ids text[])
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select format(
    '(^|["/])(?:%1$s)(?:$|["\\/_])|(^|["/_])(?:%1$s)(?:$|["\\/])',
    string_agg(regexp_replace(form.id, '([][\\^$.|?*+(){}])', '\\\1', 'g'), '|' order by form.id)
  )
  from (
    select held.id from unnest(ids) as held (id)
    union
    -- As JSON writes it.
    select substr(shown.text, 2, length(shown.text) - 2)
    from unnest(ids) as held (id)
    cross join lateral (select to_jsonb(held.id)::text) as shown (text)
  ) as form (id)
$function$;

CREATE OR REPLACE FUNCTION mirror.name_list(names text[], pattern text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO ''
AS $function$
  select string_agg(format(pattern, name), ', ' order by place)
  from unnest(names) with ordinality as listed (name, place)
$function$;
grant execute on function mirror.name_list(text[],text) to quest_mirror_api;
grant execute on function mirror.name_list(text[],text) to quest_mirror_reader;
grant execute on function mirror.name_list(text[],text) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.naming_key(key_path text, key jsonb)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select string_agg(part.value::text, ',')
  from jsonb_each(case jsonb_typeof(key) when 'object' then key else '{}' end) as part
  where part.key is distinct from (select p.day_column from mirror.paths as p where p.path = key_path)
$function$;

CREATE OR REPLACE FUNCTION mirror.naming_ref(ref_path text, ref text, ref_day date)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select string_agg(to_jsonb(place.key)::text, ',' order by place.n)
  from unnest(mirror.keys_of_ref(ref_path, ref)) with ordinality as place (key, n)
  where place.key is distinct from to_char(ref_day, 'YYYY-MM-DD')
$function$;

CREATE OR REPLACE FUNCTION mirror.naming_text(declared mirror.paths)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select format('concat_ws('','', %s)', string_agg(format('to_jsonb(q.%I)', a.attname), ', ' order by a.attnum))
  from pg_attribute as a
  join pg_type as t on t.oid = a.atttypid
  where a.attrelid = declared.relation::regclass
    and a.attnum > 0
    and not a.attisdropped
    and t.typcategory not in ('B', 'D', 'N', 'T')
    and a.attname not in ('origin', 'event_id')
$function$;

CREATE OR REPLACE FUNCTION mirror.note_backup(noted_path text, taken_at timestamp with time zone, only_shards text[], but_shards text[], after_shard text, most integer)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  noted text[];
begin
  noted := array(
    select r.shard
    from mirror.readings as r
    where r.path = noted_path
      and (after_shard is null or r.shard > after_shard)
      and (only_shards is null or r.shard = any (only_shards))
    order by r.shard
    limit most
    for update
  );
  update mirror.readings as r
  set full_at = taken_at
  where r.path = noted_path
    and r.shard = any (noted)
    and r.shard <> all (but_shards)
    -- One that was never read is read itself, all of it.
    and r.read_at is not null
    and coalesce(r.full_at, '-infinity') < taken_at;
  return case when cardinality(noted) < most then null else noted[most] end;
end
$function$;
grant execute on function mirror.note_backup(text,timestamp with time zone,text[],text[],text,integer) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.note_direct_write()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  was constant pg_catalog.jsonb := to_jsonb(old);
  now_is constant pg_catalog.jsonb := to_jsonb(new);
  key_columns constant pg_catalog.text[] := tg_argv[2:];
  is_moved constant pg_catalog.bool := exists (
    select from unnest(key_columns) as name where was -> name <> now_is -> name
  );
  ours constant pg_catalog.text[] := (
    select p.key_columns || array(select jsonb_object_keys(p.other_columns)) || array[
      'payload', 'origin', 'event_id', 'event_time', 'deleted_at', 'tie_settled', 'mirrored_at', 'client_claimed_at'
    ]
    from mirror.paths as p
    where p.path = tg_argv[0]
  );
begin
  -- Columns that a team has added are its own.
  if tg_op = 'UPDATE' and not exists (
    select from unnest(ours) as name where was -> name is distinct from now_is -> name
  ) then
    return null;
  end if;
  insert into mirror.direct_writes as last (
    path, shard, day, key, operation, written_by, old_payload, new_payload
  )
  select
    tg_argv[0],
    leaf ->> tg_argv[2],
    (leaf ->> nullif(tg_argv[1], ''))::pg_catalog.date,
    case when leaf is null then '{}' else (
      select jsonb_object_agg(name, leaf -> name) from unnest(key_columns) as name
    ) end,
    operation, session_user,
    mirror.as_evidence(old_payload),
    mirror.as_evidence(new_payload)
  from (
    select coalesce(now_is, was), lower(tg_op), was -> 'payload', now_is -> 'payload'
    where not is_moved
    union all
    select was, 'delete', was -> 'payload', null where is_moved
    union all
    select now_is, 'insert', null, now_is -> 'payload' where is_moved
  ) as written (leaf, operation, old_payload, new_payload)
  on conflict (md5(key::pg_catalog.text), path) do update
  set
    operation = excluded.operation,
    written_by = excluded.written_by,
    written_at = excluded.written_at,
    old_payload = excluded.old_payload,
    new_payload = excluded.new_payload;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.note_first_pass(noted_path text)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  update mirror.paths as p
  set first_pass_at = clock_timestamp()
  from mirror.listings as l
  where p.path = noted_path
    and p.first_pass_at is null
    and l.path = p.path
    and l.listed_at is not null
    and not exists (
      select
      from mirror.readings as r
      where r.path = p.path
        and r.first_seen_at <= l.ended_at
        and r.full_at is null
        and r.failed_at is null
    );
  return found;
end
$function$;
grant execute on function mirror.note_first_pass(text) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.note_flag(noted_path text, seen text, seen_since timestamp with time zone, off_since timestamp with time zone, seen_version bigint, evidence jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  wanted text := case seen when 'off' then 'flag_off' when 'percent' then 'percent' end;
  over_at timestamptz := clock_timestamp() + interval '61 seconds';
  noted jsonb := evidence || jsonb_build_object('version', seen_version);
begin
  -- Nearly always: it is on, and nobody has noted anything else.
  if seen = 'on' and off_since is null and not exists (
    select
    from mirror.coverage as c
    where c.reason in ('flag_off', 'percent')
      and c.path is not distinct from noted_path
      and c.to_at is null
  ) then
    return;
  end if;
  -- One at a time: what follows looks before it writes.
  insert into mirror.locks (name) values ('note_flag') on conflict do nothing;
  perform from mirror.locks as l where l.name = 'note_flag' for update;
  if seen_version > 0 and exists (
    select
    from mirror.coverage as c
    where c.reason in ('flag_off', 'percent')
      and c.path is not distinct from noted_path
      and greatest(
        (c.detail ->> 'version')::bigint,
        (c.detail ->> 'over_by_version')::bigint
      ) > seen_version
  ) then
    return;
  end if;
  if off_since is not null and not exists (
    select
    from mirror.coverage as c
    where c.reason = 'flag_off'
      and c.path is not distinct from noted_path
      and coalesce(c.to_at, 'infinity') >= off_since
  ) then
    insert into mirror.coverage (from_at, to_at, path, reason, detail)
    values (off_since, greatest(off_since, over_at), noted_path, 'flag_off', noted);
  end if;
  if wanted is not null and not exists (
    select
    from mirror.coverage as c
    where c.reason = wanted
      and c.path is not distinct from noted_path
      and c.to_at is null
      and coalesce(
        (c.detail ->> 'conditions') || (c.detail ->> 'otherwise')
          = (evidence ->> 'conditions') || (evidence ->> 'otherwise'),
        true
      )
  ) then
    insert into mirror.coverage (from_at, path, reason, detail)
    values (seen_since, noted_path, wanted, noted);
  end if;
  update mirror.coverage as c
  set
    to_at = greatest(c.from_at, over_at),
    detail = coalesce(c.detail, '{}') || jsonb_build_object('over_by_version', seen_version)
  where c.reason in ('flag_off', 'percent')
    -- Another percent is another interval: who was in follows from its conditions.
    and (
      c.reason is distinct from wanted
      or (c.detail ->> 'conditions') || (c.detail ->> 'otherwise')
        <> (evidence ->> 'conditions') || (evidence ->> 'otherwise')
    )
    and c.path is not distinct from noted_path
    and c.to_at is null;
end
$function$;
grant execute on function mirror.note_flag(text,text,timestamp with time zone,timestamp with time zone,bigint,jsonb) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.note_gap(noted_path text, gap_end timestamp with time zone, after_shard text, most integer)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  last_shard text;
begin
  insert into mirror.listings (path) values (noted_path) on conflict do nothing;
  perform from mirror.listings as l where l.path = noted_path for update;
  last_shard := mirror.make_page_due(
    noted_path, true, clock_timestamp(), gap_end, after_shard, most
  );
  if last_shard is null then
    update mirror.listings as l set gap_at = greatest(l.gap_at, gap_end) where l.path = noted_path;
  end if;
  return last_shard;
end
$function$;
grant execute on function mirror.note_gap(text,timestamp with time zone,text,integer) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.note_listed(listed_path text, listing_began timestamp with time zone, shards text[], last_key text, full_again interval)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  declared mirror.paths;
begin
  select p.* into strict declared from mirror.paths as p where p.path = listed_path;
  -- Held before the shards, as note_touched does. A worker that is slow goes on with a listing that is over: how far
  -- the next one has come is not its to say.
  update mirror.listings as l
  set after_key = last_key
  where l.path = listed_path and l.began_at = listing_began;
  insert into mirror.readings as r (path, shard, listed_at)
  select listed_path, listed.shard, listing_began
  from unnest(shards) as listed (shard)
  order by listed.shard collate "C"
  on conflict (path, shard) do update set listed_at = greatest(r.listed_at, excluded.listed_at);
  execute format(
    'update mirror.readings as r
     set is_full_due = true, made_due_at = clock_timestamp(), due_at = least(r.due_at, clock_timestamp())
     where r.path = $1
       and r.shard = any ($2)
       and r.read_at is not null
       and coalesce(r.full_at, ''-infinity'') < clock_timestamp() - $3
       and not exists (
         select from %1$s as q where q.%2$I = r.shard and q.deleted_at is null
       )',
    declared.relation, declared.key_columns[1]
  ) using listed_path, shards, full_again;
end
$function$;
grant execute on function mirror.note_listed(text,timestamp with time zone,text[],text,interval) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.note_rows(noted_path text, canary_shard text, after_key text, most integer, listing_began timestamp with time zone, full_again interval)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
declare
  declared mirror.paths;
  page text[];
begin
  select p.* into strict declared from mirror.paths as p where p.path = noted_path;
  execute format(
    'with recursive page as (
       (select q.%1$I as shard, 1 as n from %2$s as q
        where $1 is null or q.%1$I > $1 order by q.%1$I limit 1)
       union all
       select next.shard, page.n + 1
       from page
       cross join lateral (
         select q.%1$I as shard from %2$s as q where q.%1$I > page.shard order by q.%1$I limit 1
       ) as next
       where page.n < $2
     )
     select array_agg(page.shard order by page.n) from page',
    declared.key_columns[1], declared.relation
  ) into page using after_key, most;
  insert into mirror.readings as r (path, shard)
  select noted_path, found.shard
  from unnest(page) as found (shard)
  left join mirror.readings as known on (known.path, known.shard) = (noted_path, found.shard collate "C")
  where found.shard <> canary_shard
    and (
      known.path is null
      or coalesce(known.listed_at, '-infinity') < listing_began
      and known.first_seen_at < listing_began
      and known.keys > 0
      and coalesce(known.full_at, '-infinity') < clock_timestamp() - full_again
    )
  order by found.shard collate "C"
  on conflict (path, shard) do update
  set
    is_full_due = true,
    made_due_at = clock_timestamp(),
    due_at = least(r.due_at, clock_timestamp());
  return case when cardinality(page) = most then page[most] end;
end
$function$;
grant execute on function mirror.note_rows(text,text,text,integer,timestamp with time zone,interval) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.note_touched(touched_path text, canary_shard text, least_between interval, most integer, after_at timestamp with time zone, began_at timestamp with time zone)
 RETURNS TABLE(last_at timestamp with time zone, look_began_at timestamp with time zone)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
declare
  declared mirror.paths;
  -- What was written before, but committed after the last look, is found by looking a little further back.
  overlap constant interval := '2 minutes';
  noted_at constant timestamptz := clock_timestamp();
  since timestamptz;
begin
  look_began_at := coalesce(began_at, noted_at);
  select p.* into strict declared from mirror.paths as p where p.path = touched_path;
  insert into mirror.listings (path) values (touched_path) on conflict do nothing;
  select coalesce(after_at, l.touched_to - overlap) into since
  from mirror.listings as l
  where l.path = touched_path
  for update;
  execute format(
    'select case when count(*) = $3 then max(page.at) end
     from (
       select q.mirrored_at as at from %s as q where q.mirrored_at > $2
       union all
       select d.written_at
       from mirror.direct_writes as d
       where d.path = $1 and d.shard is not null and d.written_at > $2
       order by 1
       limit $3
     ) as page',
    declared.relation
  ) into last_at using touched_path, since, most;
  execute format(
    'insert into mirror.readings as r (path, shard, made_due_at)
     select $1, moved.shard, case when bool_or(moved.is_refused) then $5 end
     from (
       select q.%1$I as shard, false as is_refused from %2$s as q
       where q.mirrored_at > $2 and q.mirrored_at <= $6
       union
       select d.shard, false from mirror.direct_writes as d
       where d.path = $1 and d.shard is not null and d.written_at > $2 and d.written_at <= $6
       union
       -- What the trigger refused may lie at a place that only a full reading looks at. All of it with the first page.
       select refused.shard, true
       from (
         select log.shard, max(log.first_seen_at) as at
         from mirror.divergence_log as log
         where $7
           and log.path = $1
           and log.kind in (''invalid_payload'', ''write_rejected'')
           and log.resolved_at is null
           and log.written_before is null
           and log.detected_by = ''trigger''
           and log.first_seen_at > $2
         group by log.shard
       ) as refused
       left join mirror.readings as known on (known.path, known.shard) = ($1, refused.shard)
       where coalesce(known.full_at, ''-infinity'') < refused.at
     ) as moved
     where moved.shard <> $3
     group by moved.shard
     order by moved.shard
     on conflict (path, shard) do update
     set
       is_full_due = r.is_full_due or excluded.made_due_at is not null,
       due_at = least(
         r.due_at,
         greatest(coalesce(greatest(r.touched_at, r.read_at), ''-infinity'') + $4, $5)
       ),
       made_due_at = case
         when excluded.made_due_at is null and coalesce(r.taken_until, ''-infinity'') > $5
         then r.made_due_at
         else $5
       end,
       moved_at = case when coalesce(r.taken_until, ''-infinity'') > $5 then $5 else r.moved_at end
     where excluded.made_due_at is not null
       or coalesce(r.taken_until, ''-infinity'') > $5
       or r.due_at > greatest(coalesce(greatest(r.touched_at, r.read_at), ''-infinity'') + $4, $5)',
    declared.key_columns[1], declared.relation
  ) using touched_path, since, canary_shard, least_between, noted_at, coalesce(last_at, 'infinity'),
    after_at is null;
  -- Not beyond the first page's beginning: what was committed since may be older than this page.
  update mirror.listings as l
  set touched_to = least(coalesce(last_at, look_began_at), look_began_at)
  where l.path = touched_path;
  return next;
end
$function$;
grant execute on function mirror.note_touched(text,text,interval,integer,timestamp with time zone,timestamp with time zone) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.other_parts(declared mirror.paths, pattern text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO ''
AS $function$
  select coalesce(
    mirror.name_list(array_remove(declared.key_columns[2:], declared.day_column), pattern), ''
  )
$function$;

CREATE OR REPLACE FUNCTION mirror.own_ids()
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  subject constant text := nullif(
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', ''
  );
begin
  return case when subject is null then '{}' else mirror.ids_of(subject) end;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.own_shards()
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return mirror.shards_of(mirror.own_ids());
end
$function$;

CREATE OR REPLACE FUNCTION mirror.purge_tombstones(purged_path text, older_than interval, claimable_days integer, max_rows integer)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  declared mirror.paths;
  removed bigint;
begin
  select p.* into strict declared from mirror.paths as p where p.path = purged_path;
  perform set_config('mirror.writer', 'on', true);
  execute format(
    'with old as materialized (
       select %3$s
       from %1$s as q
       where %2$s
       order by %3$s
       limit $3
       for update skip locked
     )
     delete from %1$s as q
     using old
     where (%3$s) = (%4$s) and %2$s',
    declared.relation, mirror.purgeable(declared),
    mirror.name_list(declared.key_columns, 'q.%I'), mirror.name_list(declared.key_columns, 'old.%I')
  ) using older_than, claimable_days, max_rows;
  get diagnostics removed = row_count;
  return removed;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.purgeable(declared mirror.paths)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  select 'q.deleted_at < clock_timestamp() - $1' || case
    when declared.day_column is null then ' and $2 is not null'
    else format(
      ' and q.%I - (clock_timestamp() at time zone ''UTC'')::date not between -$2 - 1 and 2',
      declared.day_column
    )
  end
$function$;

CREATE OR REPLACE FUNCTION mirror.rebuild_paths()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  declared mirror.paths;
begin
  for declared in select * from mirror.paths as p where p.removed_at is null order by p.path loop
    perform mirror.build_path(declared);
  end loop;
end
$function$;
comment on function mirror.rebuild_paths() is 'For migrations: makes anew what follows from every declared path.';

CREATE OR REPLACE FUNCTION mirror.refuse_unknown_columns(declared mirror.paths, leaves jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  unknown constant text := (
    select string_agg(distinct told.name, ', ')
    from jsonb_array_elements(leaves) as leaf
    cross join lateral jsonb_object_keys(leaf -> 'row') as told (name)
    where told.name <> 'payload'
      and told.name <> all (declared.key_columns)
      and not declared.other_columns ? told.name
  );
begin
  if unknown is not null then
    raise exception 'table % lacks columns of the declaration: %', declared.relation, unknown
      using errcode = 'undefined_column';
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.repair_rows(repaired_path text, repaired_shard text, repairs jsonb, found_rows jsonb, lock_wait text)
 RETURNS integer[]
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  declared mirror.paths;
  others text[];
  written integer[];
begin
  select p.* into strict declared from mirror.paths as p where p.path = repaired_path;
  perform mirror.refuse_unknown_columns(declared, repairs);
  others := array(select jsonb_object_keys(declared.other_columns));
  perform set_config('lock_timeout', lock_wait, true);
  perform set_config('mirror.writer', 'on', true);
  execute format(
    'with wanted as materialized (
       select (l.place - 1)::integer as _n, l.told as _told, r.*
       from jsonb_array_elements($1) with ordinality as l (told, place)
       cross join lateral jsonb_populate_record(null::%1$s, l.told -> ''row'') as r
       where (select mirror.erased_lengths()) is null
         or not mirror.is_erased(r.%9$I::text, array[%10$s]::text[], (select mirror.erased_lengths()))
       order by l.place
     ),
     held as materialized (
       select w._n, (w._told -> ''only_columns'')::boolean as only_columns
       from wanted as w
       cross join lateral (
         select q.event_time, q.event_id, q.mirrored_at
         from %1$s as q
         where (%2$s) = (%3$s)
         for update
       ) as q
       where (w._told -> ''has_row'')::boolean
         and q.event_time = coalesce((w._told ->> ''seen_event_time'')::timestamptz, ''-infinity'')
         and q.event_id is not distinct from w._told ->> ''seen_event_id''
         and q.mirrored_at = (w._told ->> ''seen_mirrored_at'')::timestamptz
     ),
     updated as (
       update %1$s as q
       set
         %4$s
         payload = case when h.only_columns then q.payload else w.payload end,
         origin = case when h.only_columns then q.origin else ''repair'' end,
         event_id = case when h.only_columns then q.event_id end,
         tie_settled = h.only_columns and q.tie_settled,
         deleted_at = case
           when h.only_columns then q.deleted_at
           when w.payload is null then clock_timestamp()
         end,
         mirrored_at = case when h.only_columns then q.mirrored_at else clock_timestamp() end
       from wanted as w
       join held as h using (_n)
       where (%2$s) = (%3$s)
       returning w._n
     ),
     inserted as (
       insert into %1$s (%5$s, payload, origin, event_time)
       select %6$s, w.payload, ''repair'', ''-infinity''
       from wanted as w
       where not (w._told -> ''has_row'')::boolean and w.payload is not null
       order by w._n
       on conflict (%7$s) do nothing
       returning %7$s
     )
     select coalesce(array_agg(done._n), ''{}'')
     from (
       select updated._n from updated
       union all
       select w._n from wanted as w join inserted as i on (%8$s) = (%3$s)
     ) as done',
    declared.relation,
    mirror.name_list(declared.key_columns, 'q.%I'), mirror.name_list(declared.key_columns, 'w.%I'),
    coalesce(
      mirror.name_list(
        others, '%1$I = case when w._told -> ''row'' ? %1$L then w.%1$I else q.%1$I end'
      ) || ',',
      ''
    ),
    mirror.name_list(declared.key_columns || others, '%I'),
    mirror.name_list(declared.key_columns || others, 'w.%I'),
    mirror.name_list(declared.key_columns, '%I'), mirror.name_list(declared.key_columns, 'i.%I'),
    declared.key_columns[1], mirror.other_parts(declared, 'r.%I')
  ) into written using repairs;
  perform mirror.settle_written(
    repaired_path, repaired_shard, 'repair',
    array(select repairs -> n ->> 'ref' from unnest(written) as n),
    array[
      'missing_in_postgres', 'missing_in_rtdb', 'value_mismatch', 'column_mismatch', 'client_only'
    ],
    found_rows
  );
  return written;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.resolve_told(told_path text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  resolved bigint;
begin
  with agreed as materialized (
    select log.id
    from mirror.divergence_log as log
    join mirror.readings as r on r.path = log.path and r.shard = log.shard
    where log.path = told_path
      and log.resolved_at is null
      and log.written_before is null
      and log.detected_by in ('trigger', 'api', 'backfill')
      and (log.key is not null or log.detail -> 'is_summary' = 'true' and not exists (
        select
        from mirror.divergence_log as shown
        where md5(shown.shard) = md5(log.shard)
          and shown.shard = log.shard
          and shown.path = log.path
          and shown.kind = log.kind
          and shown.id <> log.id
          and shown.resolved_at is null
      ))
      and log.kind in (
        'missed_event', 'out_of_order', 'write_rejected', 'invalid_payload', 'ancestor_overwrite',
        'missing_in_rtdb', 'value_mismatch', 'missing_in_postgres', 'column_mismatch', 'client_only'
      )
      and (log.kind <> 'missed_event' or log.cause <> 'unknown')
      and (
        r.full_at > log.last_seen_at
        or r.read_at > log.last_seen_at and case
          when log.key is null then false
          when log.day is not null then log.day >= r.read_from
          -- The row has moved, so a whole reading of keys looks at its value.
          else log.kind in ('missed_event', 'out_of_order')
        end
      )
      and not exists (
        select
        from mirror.divergence_log as standing
        where md5(standing.ref) = md5(log.ref)
          and standing.ref = log.ref
          and standing.path = log.path
          and standing.resolved_at is null
          and standing.written_before is not null
      )
      -- A row of the shard may stand for it.
      and not exists (
        select
        from mirror.divergence_log as shared
        where md5(shared.shard) = md5(log.shard)
          and shared.shard = log.shard
          and shared.path = log.path
          and shared.key is null
          and shared.kind <> 'invalid_payload'
          and shared.resolved_at is null
          and shared.written_before is not null
      )
      and not exists (
        select
        from mirror.suspects as s
        where md5(s.shard) = md5(log.shard)
          and s.path = log.path
          and md5(s.key::text) = md5(log.key::text)
          and s.shard = log.shard
      )
    order by log.id
    limit 5000
    for update of log skip locked
  )
  update mirror.divergence_log as log
  set resolved_at = clock_timestamp()
  from agreed
  where log.id = agreed.id;
  get diagnostics resolved = row_count;
  return resolved;
end
$function$;
grant execute on function mirror.resolve_told(text) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.row_of(asked_path text, parts jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  declared mirror.paths;
  condition text;
  shown jsonb;
begin
  select p.* into strict declared from mirror.paths as p where p.path = asked_path;
  select string_agg(
    format('q.%I = ($1 ->> %s)::%s', k.name, k.place - 1, format_type(a.atttypid, a.atttypmod)),
    ' and ' order by k.place
  )
  into condition
  from unnest(declared.key_columns) with ordinality as k (name, place)
  join pg_catalog.pg_attribute as a
    on a.attrelid = declared.relation::regclass and a.attname = k.name;
  execute format(
    'select to_jsonb(q) || jsonb_build_object(''_lag_ms'', case
       when q.event_time > ''-infinity''
       then round(extract(epoch from q.mirrored_at - q.event_time) * 1000)
     end)
     from %s as q
     where %s',
    declared.relation, condition
  ) into shown using parts;
  return shown;
end
$function$;
grant execute on function mirror.row_of(text,jsonb) to quest_mirror_reader;
grant execute on function mirror.row_of(text,jsonb) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.rows_of(wanted_path text, shards text[], from_day date, to_day date, days date[], keys jsonb)
 RETURNS TABLE(parts text[], payload jsonb, columns jsonb, origin text, event_id text, event_time timestamp with time zone, is_tombstone boolean, mirrored_at timestamp with time zone)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  declared mirror.paths;
  -- By value and type, so that the primary key serves it.
  key_of_parts text;
begin
  select p.* into declared from mirror.paths as p where p.path = wanted_path;
  if declared.path is null then
    raise exception 'no migration declares the path %', wanted_path using errcode = 'undefined_table';
  end if;
  select string_agg(
    format('(wanted.parts ->> %s)::%s', k.place - 1, format_type(a.atttypid, a.atttypmod)),
    ', ' order by k.place
  )
  into key_of_parts
  from unnest(declared.key_columns) with ordinality as k (name, place)
  join pg_catalog.pg_attribute as a
    on a.attrelid = declared.relation::regclass and a.attname = k.name;
  return query execute format(
    'select array[%1$s], q.payload, %2$s, q.origin, q.event_id,
       nullif(q.event_time, ''-infinity''), q.deleted_at is not null, q.mirrored_at
     from %3$s as q
     where %4$s
     order by %5$s',
    (
      select string_agg(
        case
          when k.name = declared.day_column
          then format('coalesce(to_char(q.%1$I, ''YYYY-MM-DD''), q.%1$I::text)', k.name)
          else format('q.%I', k.name)
        end,
        ', ' order by k.place
      )
      from unnest(declared.key_columns) with ordinality as k (name, place)
    ),
    case
      when declared.other_columns = '{}' then '''{}''::jsonb'
      else (
        select format('jsonb_build_object(%s)', mirror.name_list(array_agg(name), '%1$L, q.%1$I'))
        from jsonb_object_keys(declared.other_columns) as name
      )
    end,
    declared.relation,
    case
      when keys is not null then format(
        '(%s) in (select %s from jsonb_array_elements($5) as wanted (parts))',
        mirror.name_list(declared.key_columns, 'q.%I'), key_of_parts
      )
      when declared.day_column is null or (from_day is null and days is null)
      then format('q.%I = any ($1)', declared.key_columns[1])
      else format(
        'q.%1$I = any ($1) and (q.%2$I between $2 and $3 or q.%2$I = any ($4))',
        declared.key_columns[1], declared.day_column
      )
    end,
    mirror.name_list(declared.key_columns, 'q.%I')
  ) using shards, from_day, to_day, days, keys;
end
$function$;
grant execute on function mirror.rows_of(text,text[],date,date,date[],jsonb) to quest_mirror_api;
grant execute on function mirror.rows_of(text,text[],date,date,date[],jsonb) to quest_mirror_reader;
grant execute on function mirror.rows_of(text,text[],date,date,date[],jsonb) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.set_reading(reading jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  told record;
  declared mirror.paths;
  known mirror.readings;
  live bigint;
begin
  select * into told from jsonb_to_record(reading) as r (
    path text, shard text, kind text, read_at timestamptz, seen_set_at timestamptz,
    began_at timestamptz, read_from date, counted_since timestamptz, caught_up_at timestamptz,
    brought integer, in_flight integer, due_at timestamptz, touched_again_at timestamptz,
    is_full_due boolean, is_gone boolean,
    found jsonb, renewed jsonb, resolved jsonb, suspects jsonb
  );
  select p.* into strict declared from mirror.paths as p where p.path = told.path;
  -- A shard that was forgotten, or that somebody asked for, has no row yet.
  insert into mirror.readings (path, shard) values (told.path, told.shard) on conflict do nothing;
  select r.* into known
  from mirror.readings as r
  where (r.path, r.shard) = (told.path, told.shard)
  for update;
  if known.set_at is distinct from told.seen_set_at then
    update mirror.readings as r set taken_until = null
    where (r.path, r.shard) = (told.path, told.shard);
    return false;
  end if;
  perform mirror.log_reading(
    told.path, told.shard, 'reconciler', told.found, told.renewed, told.resolved
  );
  delete from mirror.suspects as s
  where md5(s.shard) = md5(told.shard) and s.shard = told.shard and s.path = told.path;
  insert into mirror.suspects (
    path, shard, key, looked_at, looks, event_id, mirrored_at, written_after
  )
  select told.path, told.shard, s.*
  from jsonb_to_recordset(told.suspects) as s (
    key jsonb, looked_at timestamptz, looks integer, event_id text, mirrored_at timestamptz,
    written_after timestamptz
  );
  if told.is_gone then
    delete from mirror.readings as r where (r.path, r.shard) = (told.path, told.shard);
    return true;
  end if;
  execute format(
    'select count(*) from %s as q where q.%I = $1 and q.deleted_at is null',
    declared.relation, declared.key_columns[1]
  ) into live using told.shard;
  select live + coalesce(sum(case log.kind
    when 'missing_in_postgres' then log.keys
    when 'client_only' then -log.keys
  end), 0)
  into live
  from mirror.divergence_log as log
  where md5(log.shard) = md5(told.shard)
    and log.shard = told.shard
    and log.path = told.path
    and log.resolved_at is null
    and log.written_before is not null;
  update mirror.readings as r
  set
    keys = greatest(live, 0),
    in_flight = told.in_flight,
    brought = told.brought,
    read_at = case when told.kind in ('whole', 'full') then told.read_at else r.read_at end,
    read_from = case when told.kind in ('whole', 'full') then told.read_from else r.read_from end,
    counted_since = told.counted_since,
    caught_up_at = told.caught_up_at,
    whole_at = case
      when told.kind in ('whole', 'full') then array(
        select at from unnest(r.whole_at || told.read_at) as at
        where at >= coalesce(
          (
            select max(older)
            from unnest(r.whole_at) as older
            where older <= told.read_at - interval '48 hours'
          ),
          '-infinity'
        )
        order by at
      )
      else r.whole_at
    end,
    touched_at = case when told.kind = 'touched' then told.read_at else r.touched_at end,
    full_at = case when told.kind = 'full' then greatest(r.full_at, told.read_at) else r.full_at end,
    failed_at = null,
    error = null,
    due_at = case
      when r.made_due_at >= told.began_at or told.kind = 'backup' then least(r.due_at, told.due_at)
      when r.moved_at >= told.began_at then least(told.due_at, told.touched_again_at)
      else told.due_at
    end,
    is_full_due =
      told.is_full_due or (coalesce(r.made_due_at >= told.began_at, false) and r.is_full_due),
    set_at = told.began_at,
    taken_until = null
  where (r.path, r.shard) = (told.path, told.shard);
  return true;
end
$function$;
grant execute on function mirror.set_reading(jsonb) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.settle_written(written_path text, written_shard text, writer text, refs text[], kinds text[], found_rows jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  known text[];
begin
  if cardinality(refs) = 0 then
    return;
  end if;
  -- Held before the log's rows, as a reading does.
  insert into mirror.readings (path, shard) values (written_path, written_shard) on conflict do nothing;
  perform from mirror.readings as r where (r.path, r.shard) = (written_path, written_shard) for update;
  with held as materialized (
    select log.id
    from unnest(refs) as written (ref)
    join mirror.divergence_log as log
      on md5(log.ref) = md5(written.ref)
      and log.ref = written.ref
      and log.path = written_path
      and log.kind = any (kinds)
      and log.key is not null
      and log.resolved_at is null
    order by log.ref, log.kind
    for update of log
  ),
  over as (
    update mirror.divergence_log as log
    set
      resolved_at = clock_timestamp(),
      resolved_by = writer,
      last_seen_at = greatest(log.last_seen_at, clock_timestamp())
    from held
    where log.id = held.id and log.resolved_at is null
    returning log.ref
  )
  select coalesce(array_agg(over.ref), '{}') into known from over;
  perform mirror.log_reading(
    written_path, written_shard, writer,
    (
      select coalesce(jsonb_agg(f.told order by f.place), '[]')
      from jsonb_array_elements(found_rows) with ordinality as f (told, place)
      where f.told ->> 'ref' = any (refs) and f.told ->> 'ref' <> all (known)
    ),
    '[]', '[]'
  );
  update mirror.readings as r
  set due_at = least(r.due_at, clock_timestamp()), made_due_at = clock_timestamp()
  where (r.path, r.shard) = (written_path, written_shard);
end
$function$;

CREATE OR REPLACE FUNCTION mirror.shards_after(asked_path text, after_key text, most integer)
 RETURNS SETOF text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  declared mirror.paths;
begin
  select p.* into strict declared from mirror.paths as p where p.path = asked_path;
  return query execute format(
    'with recursive page as (
       (select q.%1$I as shard, 1 as n from %2$s as q
        where $1 is null or q.%1$I > $1 order by q.%1$I limit 1)
       union all
       select next.shard, page.n + 1
       from page
       cross join lateral (
         select q.%1$I as shard from %2$s as q where q.%1$I > page.shard order by q.%1$I limit 1
       ) as next
       where page.n < $2
     )
     select page.shard from page order by page.n',
    declared.key_columns[1], declared.relation
  ) using after_key, most;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.shards_of(ids text[])
 RETURNS text[]
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  patterns text[] := '{}';
  id text;
begin
  foreach id in array ids loop
    id := replace(replace(replace(id, '\', '\\'), '%', '\%'), '_', '\_');
    patterns := patterns || array[id || '\_%', '%\_' || id];
  end loop;
  return patterns;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.shards_with_rows(asked_paths text[], shards text[])
 RETURNS SETOF text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  declared mirror.paths;
begin
  for declared in select p.* from mirror.paths as p where p.path = any (asked_paths) loop
    return query execute format(
      'select asked.shard
       from unnest($1) as asked (shard)
       where exists (select from %2$s as q where q.%1$I = asked.shard)',
      declared.key_columns[1], declared.relation
    ) using shards;
  end loop;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.share_view(shared regclass)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  guest text;
begin
  execute format('revoke all on %s from public', shared);
  foreach guest in array array['anon', 'authenticated'] loop
    -- Supabase's default privileges may have given them everything.
    if exists (select from pg_catalog.pg_roles where rolname = guest) then
      execute format('revoke all on %s from %I', shared, guest);
    end if;
  end loop;
  foreach guest in array array['quest_mirror_reader', 'authenticated'] loop
    if exists (select from pg_catalog.pg_roles where rolname = guest) then
      execute format('grant select on %s to %I', shared, guest);
      execute format(
        'grant execute on function
           mirror.items(jsonb), mirror.text_of(jsonb), mirror.boolean_of(jsonb),
           mirror.integer_of(jsonb), mirror.instant_of(jsonb)
         to %I',
        guest
      );
    end if;
  end loop;
end
$function$;
comment on function mirror.share_view(regclass) is 'For migrations: grants a view beside a path''s table to the reader and to the app''s users.';

CREATE OR REPLACE FUNCTION mirror.sum_hour(read_at timestamp with time zone, full_at timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select case
    when full_at is not null then date_bin('1 hour', full_at, '2000-01-01T00:00:00Z'::timestamptz)
    when read_at is not null then '-infinity'
    else 'infinity'
  end
$function$;

CREATE OR REPLACE FUNCTION mirror.sum_part(shard text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select (hashtext(shard collate "C") & 15)::bigint
$function$;

CREATE OR REPLACE FUNCTION mirror.sum_readings_inserted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if tg_op = 'TRUNCATE' then
    delete from mirror.reading_sums;
    return null;
  end if;
  insert into mirror.reading_sums as s
    (path, full_hour, part, shards, uncounted, keys, keys_or_one, brought)
  select
    changed.path, mirror.sum_hour(changed.read_at, changed.full_at), mirror.sum_part(changed.shard),
    sum(n),
    sum(n * (changed.read_at is not null and changed.counted_since is null)::integer),
    sum(n * changed.keys), sum(n * greatest(changed.keys, 1)), sum(n * changed.brought)
  from (select *, 1 as n from new_rows) as changed
  group by 1, 2, 3
  having sum(n) <> 0
    or sum(n * (changed.read_at is not null and changed.counted_since is null)::integer) <> 0
    or sum(n * changed.keys) <> 0
    or sum(n * greatest(changed.keys, 1)) <> 0
    or sum(n * changed.brought) <> 0
  order by 1, 2, 3
  on conflict (path, full_hour, part) do update
  set
    shards = s.shards + excluded.shards,
    uncounted = s.uncounted + excluded.uncounted,
    keys = s.keys + excluded.keys,
    keys_or_one = s.keys_or_one + excluded.keys_or_one,
    brought = s.brought + excluded.brought;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.sum_readings_removed()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if tg_op = 'TRUNCATE' then
    delete from mirror.reading_sums;
    return null;
  end if;
  insert into mirror.reading_sums as s
    (path, full_hour, part, shards, uncounted, keys, keys_or_one, brought)
  select
    changed.path, mirror.sum_hour(changed.read_at, changed.full_at), mirror.sum_part(changed.shard),
    sum(n),
    sum(n * (changed.read_at is not null and changed.counted_since is null)::integer),
    sum(n * changed.keys), sum(n * greatest(changed.keys, 1)), sum(n * changed.brought)
  from (select *, -1 as n from old_rows) as changed
  group by 1, 2, 3
  having sum(n) <> 0
    or sum(n * (changed.read_at is not null and changed.counted_since is null)::integer) <> 0
    or sum(n * changed.keys) <> 0
    or sum(n * greatest(changed.keys, 1)) <> 0
    or sum(n * changed.brought) <> 0
  order by 1, 2, 3
  on conflict (path, full_hour, part) do update
  set
    shards = s.shards + excluded.shards,
    uncounted = s.uncounted + excluded.uncounted,
    keys = s.keys + excluded.keys,
    keys_or_one = s.keys_or_one + excluded.keys_or_one,
    brought = s.brought + excluded.brought;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.sum_readings_updated()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if tg_op = 'TRUNCATE' then
    delete from mirror.reading_sums;
    return null;
  end if;
  insert into mirror.reading_sums as s
    (path, full_hour, part, shards, uncounted, keys, keys_or_one, brought)
  select
    changed.path, mirror.sum_hour(changed.read_at, changed.full_at), mirror.sum_part(changed.shard),
    sum(n),
    sum(n * (changed.read_at is not null and changed.counted_since is null)::integer),
    sum(n * changed.keys), sum(n * greatest(changed.keys, 1)), sum(n * changed.brought)
  from (select *, 1 as n from new_rows union all select *, -1 from old_rows) as changed
  group by 1, 2, 3
  having sum(n) <> 0
    or sum(n * (changed.read_at is not null and changed.counted_since is null)::integer) <> 0
    or sum(n * changed.keys) <> 0
    or sum(n * greatest(changed.keys, 1)) <> 0
    or sum(n * changed.brought) <> 0
  order by 1, 2, 3
  on conflict (path, full_hour, part) do update
  set
    shards = s.shards + excluded.shards,
    uncounted = s.uncounted + excluded.uncounted,
    keys = s.keys + excluded.keys,
    keys_or_one = s.keys_or_one + excluded.keys_or_one,
    brought = s.brought + excluded.brought;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.take_due(most integer, lease interval, mates jsonb, only_paths text[], only_shards text[])
 RETURNS TABLE(path text, shard text)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
#variable_conflict use_column
declare
  -- A value, not a call: only that can bound the walk along the index, which has every shard.
  asked_at constant timestamptz := clock_timestamp();
  -- In variables, so that the planner knows how few they are.
  wanted_paths text[];
  wanted_shards text[];
begin
  with due as materialized (
    select oldest.path, oldest.shard
    from mirror.paths as p
    cross join lateral (
      select r.path, r.shard, r.due_at
      from mirror.readings as r
      where r.path = p.path
        and r.due_at <= asked_at
        and coalesce(r.taken_until, '-infinity') <= asked_at
        and (only_shards is null or r.shard = any (only_shards))
      order by r.due_at
      limit most
      for update skip locked
    ) as oldest
    where only_paths is null or p.path = any (only_paths)
    order by oldest.due_at
    limit most
  ),
  wanted as (
    select due.path, due.shard from due
    union
    select mate.path, due.shard
    from due
    cross join lateral jsonb_array_elements_text(mates -> due.path) as mate (path)
  )
  select array_agg(wanted.path), array_agg(wanted.shard) into wanted_paths, wanted_shards from wanted;
  return query
  update mirror.readings as r
  set taken_until = asked_at + lease
  from (
    select known.path, known.shard
    from unnest(wanted_paths, wanted_shards) as wanted (path, shard)
    join mirror.readings as known
      on (known.path, known.shard) = (wanted.path, wanted.shard collate "C")
    where coalesce(known.taken_until, '-infinity') <= asked_at
    for update of known skip locked
  ) as mine
  where (r.path, r.shard) = (mine.path, mine.shard)
  returning r.path, r.shard;
end
$function$;
grant execute on function mirror.take_due(integer,interval,jsonb,text[],text[]) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.text_of(leaf jsonb)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(leaf) WHEN 'string'::text THEN (leaf #>> '{}'::text[]) ELSE NULL::text END;
grant execute on function mirror.text_of(jsonb) to quest_mirror_reader;

CREATE OR REPLACE FUNCTION mirror.touched_hours(of_path text, shards text[], within interval)
 RETURNS TABLE(shard text, hour timestamp with time zone)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  declared mirror.paths;
begin
  select p.* into strict declared from mirror.paths as p where p.path = of_path;
  return query execute format(
    'select distinct q.%1$I::text, date_trunc(''hour'', q.mirrored_at)
     from %2$s as q
     where q.%1$I = any ($1) and q.mirrored_at > clock_timestamp() - $2',
    declared.key_columns[1], declared.relation
  ) using shards, within;
end
$function$;
grant execute on function mirror.touched_hours(text,text[],interval) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.truncated_at(of_path text)
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select d.written_at
  from mirror.direct_writes as d
  where md5(d.key::text) = md5('{}') and d.path = of_path and d.operation = 'truncate'
$function$;
grant execute on function mirror.truncated_at(text) to quest_mirror_api;
grant execute on function mirror.truncated_at(text) to quest_mirror_reader;
grant execute on function mirror.truncated_at(text) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.value_hash(value jsonb)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO ''
AS $function$
  select left(encode(sha256(convert_to(value::pg_catalog.text, 'UTF8')), 'hex'), 32)
$function$;
grant execute on function mirror.value_hash(jsonb) to quest_mirror_api;
grant execute on function mirror.value_hash(jsonb) to quest_mirror_writer;

CREATE OR REPLACE FUNCTION mirror.written_between(written_path text, from_at timestamp with time zone, to_at timestamp with time zone)
 RETURNS TABLE(leaves bigint, instants jsonb)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  declared mirror.paths;
begin
  select p.* into strict declared from mirror.paths as p where p.path = written_path;
  return query execute format(
    'with written as (
       select q.event_time as at, count(*) as leaves
       from %s as q
       -- By when they came, which has an index.
       where q.mirrored_at > $1 and q.event_time > $1 and q.event_time <= $2
       group by q.event_time
     )
     select
       coalesce(sum(w.leaves), 0)::bigint,
       coalesce((
         select jsonb_agg(jsonb_build_object(''at'', top.at, ''leaves'', top.leaves))
         from (select * from written where leaves > 1 order by leaves desc, at limit 5) as top
       ), ''[]'')
     from written as w',
    declared.relation
  ) using from_at, to_at;
end
$function$;
grant execute on function mirror.written_between(text,timestamp with time zone,timestamp with time zone) to quest_mirror_writer;
