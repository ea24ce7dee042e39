/** What the dashboard is measured on: a table of some size, and a log that is full of trouble. */

/** The key is made again afterwards: filling a table of millions through it takes three times as long. */
export const DROP_KEY = `
alter table rtdb.quest_completions drop constraint quest_completions_pkey
`;
export const ADD_KEY = `
alter table rtdb.quest_completions
add constraint quest_completions_pkey primary key (couple_id, date_key, quest_id, user_id)
`;

/**
 * $1 completions, over ten days until now in the order in which they arrived; one in twenty is a
 * tombstone, one in fifty a phone's.
 */
export const SEED_COMPLETIONS = `
insert into rtdb.quest_completions (
  couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin,
  event_id, event_time, deleted_at, mirrored_at
)
select
  'u' || number || '_w' || number,
  (at at time zone 'UTC')::date,
  'quest_' || n || '_quiz',
  'u' || number,
  'w' || number,
  at,
  case when n % 20 > 0 then 'true'::jsonb end,
  case when n % 50 = 1 then 'client' else 'rtdb' end,
  case when n % 50 <> 1 then 'seed-' || n end,
  case when n % 50 = 1 then '-infinity'::timestamptz else at end,
  case when n % 20 = 0 then at end,
  at + make_interval(secs => 0.02 - 0.03 * ln(1 - (n::bigint * 7919 % 100003) / 100004.0))
from generate_series(1, $1::integer) as n
cross join lateral (
  select
    lpad((n::bigint * 7919 % 500000)::text, 7, '0') as number,
    clock.now - interval '10 days' * (1 - n::double precision / $1::integer) as at
  from (select now() as now) as clock
) as made
`;

/** $1 divergences over thirty days; every other one is open. */
export const SEED_DIVERGENCES = `
insert into mirror.divergence_log (
  path, ref, shard, day, key, kind, cause, severity, detected_by,
  rtdb_value, postgres_value, detail, event_id, first_seen_at, last_seen_at, resolved_at, written_after, written_before
)
select
  'quest_completions',
  'daily_quests/u' || number || '_w' || number || '/' || (at at time zone 'UTC')::date
    || '/completions/quest_' || n || '_quiz/u' || number,
  'u' || number || '_w' || number,
  (at at time zone 'UTC')::date,
  jsonb_build_object(
    'couple_id', 'u' || number || '_w' || number,
    'date_key', (at at time zone 'UTC')::date,
    'quest_id', 'quest_' || n || '_quiz',
    'user_id', 'u' || number
  ),
  (array['missing_in_postgres', 'out_of_order', 'value_mismatch', 'invalid_payload', 'client_only'])[n % 5 + 1],
  (array['unknown', 'race', 'retries_exhausted', 'rejected', 'client_without_rtdb'])[n % 5 + 1],
  (array['error', 'info', 'warning', 'warning', 'info'])[n % 5 + 1],
  case when n % 5 in (1, 3) then 'trigger' else 'reconciler' end,
  'true',
  jsonb_build_object('completedAt', 1793534400000 + n, 'device', 'ios'),
  jsonb_build_object('event_id', 'seed-' || n, 'behind_ms', n % 5000, 'note', repeat('evidence ', 20)),
  'seed-' || n,
  at, at,
  case when n % 2 = 0 then at + interval '1 hour' end,
  case when n % 5 in (0, 2) then at - interval '1 hour' end,
  case when n % 5 in (0, 2) then at end
from generate_series(1, $1::integer) as n
cross join lateral (
  select
    lpad((n::bigint * 7919 % 500000)::text, 7, '0') as number,
    now() - interval '30 days' * (1 - n::double precision / $1::integer) as at
) as made
`;

/**
 * Indexes are made and sums counted at the end: row by row, filling millions takes three times as long. Their
 * definitions wait in a table.
 */
export const DROP_INDEXES_OF_READINGS = `
do $$
declare
  index record;
begin
  create table public.dropped as
  select indexname, indexdef from pg_indexes
  where schemaname = 'mirror' and tablename = 'readings' and indexname <> 'readings_pkey';
  for index in select * from public.dropped loop
    execute format('drop index mirror.%I', index.indexname);
  end loop;
  alter table mirror.readings drop constraint readings_pkey;
  alter table mirror.readings disable trigger user;
end
$$
`;
export const ADD_INDEXES_OF_READINGS = `
do $$
declare
  index record;
begin
  alter table mirror.readings add constraint readings_pkey primary key (path, shard);
  for index in select * from public.dropped loop
    execute index.indexdef;
  end loop;
  drop table public.dropped;
  insert into mirror.reading_sums
  select
    path, mirror.sum_hour(read_at, full_at), mirror.sum_part(shard), count(*),
    count(*) filter (where read_at is not null and counted_since is null),
    sum(keys), sum(greatest(keys, 1)), sum(brought)
  from mirror.readings
  group by 1, 2, 3;
  alter table mirror.readings enable trigger user;
end
$$
`;

/**
 * $1 couples of every path, read within the last 20 hours, in an order that is not theirs; one in 5,000 has a suspect,
 * one in 10,000 can't be read.
 */
export const SEED_READINGS = `
insert into mirror.readings (
  path, shard, keys, brought, in_flight, first_seen_at, read_at, full_at, counted_since, failed_at, error, due_at,
  is_full_due, set_at
)
select
  paths.path,
  'u' || number || '_w' || number,
  5 + n::bigint * 31 % 40, case when n % 3 = 0 then 1 + n % 4 else 0 end,
  case when n % 5000 = 0 then 1 else 0 end,
  now() - interval '40 days',
  at, least(at, now() - paths.full_every * (n::bigint * 15485863 % $1 / $1::double precision)),
  at - interval '25 hours',
  case when n % 10000 = 0 then now() - interval '5 minutes' end,
  case when n % 10000 = 0 then 'RTDB answered 400' end,
  at + interval '20 hours', false, at
from generate_series(1, $1::integer) as n
cross join (
  select path, case when day_column is null then interval '7 days' else interval '30 days' end as full_every
  from mirror.paths
) as paths
cross join lateral (
  select
    lpad(n::text, 7, '0') as number,
    now() - interval '20 hours' * (n::bigint * 7919 % $1 / $1::double precision) as at
) as made
`;

/** Since when there is a mirror, and how far its proof has come. */
export const SEED_PROOF = `
with paths as (
  update mirror.paths
  set began_at = now() - interval '40 days', first_pass_at = now() - interval '39 days'
  returning path
)
insert into mirror.listings (path, listed_at) select path, now() - interval '5 minutes' from paths
`;

/** Thirty days of hours, of every path. */
export const SEED_HOURS = `
with hours as (
  select p.path, date_trunc('hour', now(), 'UTC') - make_interval(hours => n) as hour
  from generate_series(1, 719) as n cross join mirror.paths as p
),
rates as (
  insert into mirror.rates (
    path, hour, at, verdict, copy_keys, copy_differing, copy_unknown, copy_lower, copy_upper,
    mirror_keys, mirror_differing, mirror_unknown, mirror_lower, mirror_upper, shards, unread_shards,
    affected_shards
  )
  select path, hour, hour, 'ready', 1000000, 10, 100, 0.999, 0.9999, 40000, 2, 3, 0.998, 0.9995, 500000, 0, 9
  from hours
)
insert into mirror.hourly_arrivals (
  path, hour, live, tombstones, client, backfill, repair, lag_p50_ms, lag_p95_ms, lag_p99_ms, lag_max_ms,
  counted_at
)
select path, hour, 39000, 2000, 800, 0, 0, 35, 110, 160, 900, hour + interval '2 hours' from hours
`;

export const SEED_COVERAGE = `
insert into mirror.coverage (from_at, to_at, reason)
select now() - make_interval(hours => n * 24), now() - make_interval(hours => n * 24 - 1), 'outage'
from generate_series(1, 20) as n
`;
