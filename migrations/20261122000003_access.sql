-- Why: who may do what. The functions log in as a member of quest_mirror_writer, which can write
-- the mirror but not delete from it or change its shape; an app user reads their own live rows;
-- nobody else sees anything. Owners are not bound by row level security: purge and migrations
-- run as the owner.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'quest_mirror_writer') then
    create role quest_mirror_writer nologin;
  end if;
exception
  -- Roles belong to the server: another database of it may be migrated at this moment.
  when duplicate_object or unique_violation then null;
end
$$;

revoke all on schema mirror from public;
revoke all on schema rtdb from public;
revoke all on all tables in schema mirror from public;
revoke all on rtdb.quest_completions from public;

grant usage on schema mirror, rtdb to quest_mirror_writer;
grant select, insert, update on rtdb.quest_completions to quest_mirror_writer;
grant select, insert, update on mirror.divergence_log to quest_mirror_writer;
grant select, insert, update on mirror.reconcile_runs to quest_mirror_writer;
grant select, insert, update on mirror.coverage to quest_mirror_writer;
grant execute on function mirror.as_evidence(jsonb, integer) to quest_mirror_writer;
grant execute on function mirror.as_evidence(jsonb) to quest_mirror_writer;
grant execute on function mirror.value_hash(jsonb) to quest_mirror_writer;
grant execute on function mirror.few_gaps(jsonb, integer) to quest_mirror_writer;

-- Supabase's roles, which plain Postgres lacks. Its default privileges may have given them
-- everything on a new table, TRUNCATE included, which row level security does not stop. A role
-- `authenticated` that is made later starts with nothing and needs the one grant below.
do $$
declare
  app_role text;
begin
  foreach app_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_catalog.pg_roles where rolname = app_role) then
      execute format('revoke all on schema mirror, rtdb from %I', app_role);
      execute format('revoke all on all tables in schema mirror from %I', app_role);
      execute format('revoke all on rtdb.quest_completions from %I', app_role);
    end if;
  end loop;
  if exists (select from pg_catalog.pg_roles where rolname = 'authenticated') then
    grant usage on schema rtdb to authenticated;
    grant select on rtdb.quest_completions to authenticated;
  end if;
end
$$;

-- To everybody, guarded by the grant, so that it does not depend on which roles exist when the
-- migration runs. The claims are what PostgREST sets per request. The subject is compared as text:
-- Firebase ids are no UUIDs, so auth.uid() would fail. A pooled connection's leftover setting is
-- '', hence nullif; "(select ...)" is evaluated once a query, not once a row.
create policy own_live_completions on rtdb.quest_completions
  for select
  using (
    deleted_at is null
    and (
      user_id = (
        select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
      )
      or partner_id = (
        select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
      )
    )
  );

create policy writer_select on rtdb.quest_completions
  for select to quest_mirror_writer using (true);
create policy writer_insert on rtdb.quest_completions
  for insert to quest_mirror_writer with check (true);
create policy writer_update on rtdb.quest_completions
  for update to quest_mirror_writer using (true) with check (true);

create policy writer_select on mirror.divergence_log
  for select to quest_mirror_writer using (true);
create policy writer_insert on mirror.divergence_log
  for insert to quest_mirror_writer with check (true);
create policy writer_update on mirror.divergence_log
  for update to quest_mirror_writer using (true) with check (true);

create policy writer_select on mirror.reconcile_runs
  for select to quest_mirror_writer using (true);
create policy writer_insert on mirror.reconcile_runs
  for insert to quest_mirror_writer with check (true);
create policy writer_update on mirror.reconcile_runs
  for update to quest_mirror_writer using (true) with check (true);

create policy writer_select on mirror.coverage
  for select to quest_mirror_writer using (true);
create policy writer_insert on mirror.coverage
  for insert to quest_mirror_writer with check (true);
create policy writer_update on mirror.coverage
  for update to quest_mirror_writer using (true) with check (true);
