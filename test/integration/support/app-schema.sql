-- An app's own Supabase database, as far as the mirror could get in its way: tables of the same names as
-- RTDB's trees, uuid keys, row security by auth.uid(), the history table of the Supabase CLI.

create schema auth;
create table auth.users (id uuid primary key);
create function auth.uid() returns uuid language sql stable as $$
  select nullif(
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', ''
  )::uuid
$$;
grant usage on schema auth to anon, authenticated, service_role;

create table public.couples (
  id uuid primary key default gen_random_uuid(),
  user1_id uuid not null references auth.users,
  user2_id uuid not null references auth.users,
  created_at timestamptz not null default now()
);

create table public.daily_quests (
  id uuid primary key default gen_random_uuid(),
  couple_id uuid not null references public.couples on delete cascade,
  date date not null,
  quest_type text not null,
  sort_order integer not null default 0
);
create index idx_daily_quests_couple_date on public.daily_quests (couple_id, date);

create table public.quest_completions (
  quest_id uuid not null references public.daily_quests on delete cascade,
  user_id uuid not null references auth.users on delete cascade,
  completed_at timestamptz not null default now(),
  primary key (quest_id, user_id)
);

alter table public.couples enable row level security;
alter table public.daily_quests enable row level security;
alter table public.quest_completions enable row level security;
create policy own_couple on public.couples for select to authenticated
  using (auth.uid() in (user1_id, user2_id));
create policy own_quests on public.daily_quests for select to authenticated
  using (exists (select from public.couples as c where c.id = couple_id));
create policy own_completions on public.quest_completions to authenticated
  using (user_id = auth.uid())
  with check (user_id = auth.uid());

create function public.touch_couple() returns trigger language plpgsql as $$
begin
  return new;
end
$$;
create trigger touch before insert on public.quest_completions
  for each row execute function public.touch_couple();
create view public.completions_by_day as
  select q.date, count(*) from public.quest_completions as c
  join public.daily_quests as q on q.id = c.quest_id group by q.date;
create publication supabase_realtime for table public.quest_completions;

create schema supabase_migrations;
create table supabase_migrations.schema_migrations (
  version text primary key,
  statements text[],
  name text
);
insert into supabase_migrations.schema_migrations values
  ('20251001120000', '{}', 'couples'), ('20251102080000', '{}', 'quests');

insert into auth.users values
  ('11111111-1111-4111-8111-111111111111'), ('22222222-2222-4222-8222-222222222222');
insert into public.couples (id, user1_id, user2_id) values (
  '33333333-3333-4333-8333-333333333333',
  '11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'
);
insert into public.daily_quests (id, couple_id, date, quest_type) values
  ('44444444-4444-4444-8444-444444444444', '33333333-3333-4333-8333-333333333333', '2025-11-19', 'quiz');
insert into public.quest_completions (quest_id, user_id)
  select '44444444-4444-4444-8444-444444444444', id from auth.users;
