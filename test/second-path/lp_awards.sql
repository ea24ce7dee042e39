-- Why: the copy of lp_awards/{coupleId}/{awardId}, kept by the same rules as quest_completions.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

create table public.lp_awards (
  -- collate "C": the writers lock their rows in byte order.
  couple_id text collate "C" not null,
  award_id text collate "C" not null,
  amount integer,
  awarded_at timestamptz not null,
  payload jsonb,
  origin text not null,
  event_id text,
  event_time timestamptz not null,
  deleted_at timestamptz,
  mirrored_at timestamptz not null default clock_timestamp(),

  constraint lp_awards_pkey primary key (couple_id, award_id),
  constraint lp_awards_ids_within_rtdb_limit
    check (octet_length(couple_id) <= 768 and octet_length(award_id) <= 768)
);

alter table public.lp_awards enable row level security;
revoke all on public.lp_awards from public;
grant select, insert, update on public.lp_awards to quest_mirror_writer;
create policy lp_awards_writer on public.lp_awards
  for all to quest_mirror_writer using (true) with check (true);

select mirror.create_apply_function(
  'apply_lp_awards',
  'public.lp_awards',
  key_columns => '{couple_id,award_id}',
  other_columns => '{amount,awarded_at}',
  made_on => '(claim.awarded_at at time zone ''UTC'')::date',
  began_on => 'date ''2026-11-25'''
);
