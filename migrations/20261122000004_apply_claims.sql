-- Why: a leaf that is older than the mirror can't have had an event. When mirroring began is noted
-- here, for the functions that apply claims (20261125000004_mirrored_tables.sql).

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- When mirroring began: only a leaf of a day up to then can have stood before it.
create table mirror.beginning (
  began_on date not null default current_date,
  is_only boolean not null default true,

  constraint beginning_pkey primary key (is_only),
  constraint beginning_is_one_row check (is_only)
);

insert into mirror.beginning default values;

alter table mirror.beginning enable row level security;
revoke all on mirror.beginning from public;
grant select on mirror.beginning to quest_mirror_writer;
create policy writer_select on mirror.beginning
  for select to quest_mirror_writer using (true);

comment on table mirror.beginning is 'The day on which mirroring began, for causes of divergence.';
