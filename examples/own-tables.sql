-- From the copy to an app's own tables, whose users, couples and quests have uuids. Run it as the owner, again and again:
-- what is there already is not written anew. docs/own-tables.md says what to change in it for your app.
-- It expects of the app: public.couples (id, user1_id, user2_id), public.daily_quests (id, couple_id, date, quest_type,
-- sort_order), public.quest_completions (quest_id, user_id, completed_at), all ids of type uuid; and mirror.identities, filled.

begin;

-- What the app's table lacks: the id that RTDB has for a quest, which is unique in a couple's day.
alter table public.daily_quests add column if not exists rtdb_quest_id text collate "C";
create unique index if not exists daily_quests_rtdb_quest
  on public.daily_quests (couple_id, date, rtdb_quest_id);

-- Not for the app's users: its views see everybody.
create schema if not exists bridge;
revoke all on schema bridge from public;

-- One user may have had several ids in RTDB.
create or replace view bridge.users as
select
  i.rtdb_user_id,
  case
    when i.app_user_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then i.app_user_id::uuid
  end as user_id
from mirror.identities as i;

-- The id of a couple in RTDB is made, never split: an id may hold `_` itself. The app sorted the two. A couple that
-- paired without a partner's id is told by its one user, who must be in one couple alone.
create or replace view bridge.couples as
select own.id as couple_id, pair.rtdb_couple_id
from public.couples as own
join bridge.users as a on a.user_id = own.user1_id
join bridge.users as b on b.user_id = own.user2_id
cross join lateral (
  values (a.rtdb_user_id || '_' || b.rtdb_user_id), (b.rtdb_user_id || '_' || a.rtdb_user_id)
) as pair (rtdb_couple_id)
union all
select (array_agg(own.id))[1], '_' || u.rtdb_user_id
from bridge.users as u
join public.couples as own on u.user_id in (own.user1_id, own.user2_id)
group by u.rtdb_user_id
having count(*) = 1;

create or replace view bridge.quests as
select distinct on (c.couple_id, q.date_key, q.quest_id)
  c.couple_id,
  q.date_key,
  q.quest_id as rtdb_quest_id,
  coalesce(q.format_type, q.quest_type::text, 'unknown') as quest_type,
  coalesce(q.sort_order, 0) as sort_order
from rtdb.daily_quest_items as q
join bridge.couples as c on c.rtdb_couple_id = q.couple_id
where q.quest_id is not null
order by c.couple_id, q.date_key, q.quest_id, q.sort_order;

-- Tombstones too: what was deleted in RTDB is deleted here.
create or replace view bridge.completions as
select
  own.id as quest_id,
  u.user_id,
  q.completed_at,
  q.deleted_at
from rtdb.quest_completions as q
join bridge.couples as c on c.rtdb_couple_id = q.couple_id
join bridge.users as u on u.rtdb_user_id = q.user_id
join public.daily_quests as own
  on own.couple_id = c.couple_id and own.date = q.date_key and own.rtdb_quest_id = q.quest_id;

-- What could not be carried, and why: it is to be empty before anybody reads the app's tables.
create or replace view bridge.left_behind as
select
  case
    when u.user_id is null then 'no identity for the user'
    when c.couple_id is null then 'no couple of these users'
    else 'no such quest in that day'
  end as why,
  q.couple_id as rtdb_couple_id,
  q.date_key,
  q.quest_id as rtdb_quest_id,
  q.user_id as rtdb_user_id
from rtdb.quest_completions as q
left join bridge.users as u on u.rtdb_user_id = q.user_id
left join bridge.couples as c on c.rtdb_couple_id = q.couple_id
left join public.daily_quests as own
  on own.couple_id = c.couple_id and own.date = q.date_key and own.rtdb_quest_id = q.quest_id
where q.deleted_at is null
  and q.couple_id <> 'canary_canary-partner'
  and (u.user_id is null or c.couple_id is null or own.id is null);

insert into public.daily_quests as own (couple_id, date, quest_type, sort_order, rtdb_quest_id)
select q.couple_id, q.date_key, q.quest_type, q.sort_order, q.rtdb_quest_id
from bridge.quests as q
on conflict (couple_id, date, rtdb_quest_id) do update
set quest_type = excluded.quest_type, sort_order = excluded.sort_order
where (own.quest_type, own.sort_order) is distinct from (excluded.quest_type, excluded.sort_order);

insert into public.quest_completions as own (quest_id, user_id, completed_at)
select distinct on (c.quest_id, c.user_id) c.quest_id, c.user_id, c.completed_at
from bridge.completions as c
where c.deleted_at is null
-- Of two phones of one user the first counts.
order by c.quest_id, c.user_id, c.completed_at
on conflict (quest_id, user_id) do update
set completed_at = excluded.completed_at
where own.completed_at is distinct from excluded.completed_at;

delete from public.quest_completions as own
using bridge.completions as gone
where (own.quest_id, own.user_id) = (gone.quest_id, gone.user_id)
  and gone.deleted_at is not null
  -- Not what the app wrote since.
  and own.completed_at <= gone.deleted_at
  and not exists (
    select
    from bridge.completions as live
    where (live.quest_id, live.user_id) = (gone.quest_id, gone.user_id) and live.deleted_at is null
  );

commit;
