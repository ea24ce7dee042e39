-- Why: the proof of consistency needs evidence that the copy itself can't give: who wrote a row past
-- the mirror, and how far a comparison has come, so that it can be resumed and run in parts.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- The part of a run that one worker compares: a range of couples. A row for each part, so that parts
-- may be done in any order, at once and twice, and still count once.
create table mirror.reconcile_shards (
  run_id bigint not null,
  shard integer not null,
  -- Couples after the one and up to the other, in byte order; null = no end on that side.
  after_couple text collate "C",
  up_to_couple text collate "C",
  finished_at timestamptz,
  couples integer not null default 0,
  matched integer not null default 0,
  missing_in_postgres integer not null default 0,
  missing_in_rtdb integer not null default 0,
  value_mismatch integer not null default 0,
  in_flight integer not null default 0,
  rtdb_ms integer not null default 0,
  postgres_ms integer not null default 0,
  rtdb_bytes bigint not null default 0,

  constraint reconcile_shards_pkey primary key (run_id, shard),
  constraint reconcile_shards_run_fkey foreign key (run_id)
    references mirror.reconcile_runs (id) on delete cascade
);

-- The last write of each completion that did not come through the mirror. An upsert, so that a bulk
-- change can't grow it beyond the table it is about.
create table mirror.direct_writes (
  couple_id text collate "C" not null,
  date_key date not null,
  quest_id text collate "C" not null,
  user_id text collate "C" not null,
  operation text not null,
  written_by text not null,
  written_at timestamptz not null default clock_timestamp(),
  old_payload jsonb,
  new_payload jsonb,

  constraint direct_writes_pkey primary key (couple_id, date_key, quest_id, user_id),
  constraint direct_writes_operation_known check (operation in ('insert', 'update', 'delete'))
);

alter table mirror.reconcile_shards enable row level security;
alter table mirror.direct_writes enable row level security;
revoke all on mirror.reconcile_shards from public;
revoke all on mirror.direct_writes from public;
grant select, insert, update on mirror.reconcile_shards to quest_mirror_writer;
grant select on mirror.direct_writes to quest_mirror_writer;

create policy writer_select on mirror.reconcile_shards
  for select to quest_mirror_writer using (true);
create policy writer_insert on mirror.reconcile_shards
  for insert to quest_mirror_writer with check (true);
create policy writer_update on mirror.reconcile_shards
  for update to quest_mirror_writer using (true) with check (true);
create policy writer_select on mirror.direct_writes
  for select to quest_mirror_writer using (true);

-- The mirror's own writers set mirror.writer to 'on' for their transaction; whoever writes without
-- it went past the mirror. Evidence, not a lock: a person who must write by hand may.
create function mirror.note_direct_write()
returns trigger
language plpgsql
-- The writer need not have rights on schema mirror.
security definer
set search_path = ''
as $$
declare
  written rtdb.quest_completions := case when tg_op = 'DELETE' then old else new end;
begin
  insert into mirror.direct_writes as last (
    couple_id, date_key, quest_id, user_id, operation, written_by, old_payload, new_payload
  )
  values (
    written.couple_id, written.date_key, written.quest_id, written.user_id,
    lower(tg_op), session_user,
    case when tg_op <> 'INSERT' then mirror.as_evidence(old.payload) end,
    case when tg_op <> 'DELETE' then mirror.as_evidence(new.payload) end
  )
  on conflict (couple_id, date_key, quest_id, user_id) do update
  set
    operation = excluded.operation,
    written_by = excluded.written_by,
    written_at = excluded.written_at,
    old_payload = excluded.old_payload,
    new_payload = excluded.new_payload;
  return null;
end
$$;

revoke all on function mirror.note_direct_write() from public;

create trigger quest_completions_direct_write
  after insert or update or delete on rtdb.quest_completions
  for each row
  when (current_setting('mirror.writer', true) is distinct from 'on')
  execute function mirror.note_direct_write();

comment on table mirror.reconcile_shards is 'Parts of a reconcile run: what each compared.';
comment on table mirror.direct_writes is
  'The last write of a completion that went past the mirror, for causes of divergence.';
