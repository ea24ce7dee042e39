-- Why: what the dashboard shows and can't count whenever it is asked, which would read millions of rows:
-- what came in each hour, and how long ago the shards were read. Each round of mirrorReconcile counts both.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- Rows as they stood when the hour was counted: one that was written twice within the hour counts once.
-- Without the canary.
create table mirror.hourly_arrivals (
  path text not null,
  hour timestamptz not null,
  -- Rows that an RTDB event wrote, live and tombstones.
  live integer not null,
  tombstones integer not null,
  -- Rows that a phone's claim, a backfill or a repair wrote.
  client integer not null,
  backfill integer not null,
  repair integer not null,
  -- From the event until Postgres had it, in milliseconds; null where no event arrived.
  lag_p50_ms double precision,
  lag_p95_ms double precision,
  lag_p99_ms double precision,
  lag_max_ms double precision,
  counted_at timestamptz not null,

  constraint hourly_arrivals_pkey primary key (path, hour),
  constraint hourly_arrivals_on_the_hour check (hour = date_trunc('hour', hour, 'UTC'))
);

comment on table mirror.hourly_arrivals is
  'What Postgres took of each path in each hour, and how late; for the dashboard.';

-- How long ago the shards of a path were read whole, when that was counted last.
create table mirror.reading_ages (
  path text not null,
  -- How many were read in the last hour, in the one before, and so on; the last of the 49: longer ago than 48 h.
  by_hours bigint[] not null,
  -- How many never were.
  unread bigint not null,
  counted_at timestamptz not null,

  constraint reading_ages_pkey primary key (path),
  constraint reading_ages_of_two_days check (cardinality(by_hours) = 49)
);

comment on table mirror.reading_ages is
  'How many shards of each path were read how long ago; for the dashboard.';

-- Counts a path's newest hours that aren't counted yet, `most` of them, and the one under way again; and the
-- ages of its readings. Sums of hours that no shard is left in go.
create function mirror.count_figures(counted_path text, canary_shards text[], most integer)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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
$$;

revoke all on function mirror.count_figures(text, text[], integer) from public;
grant execute on function mirror.count_figures(text, text[], integer) to quest_mirror_writer;

grant select on mirror.hourly_arrivals, mirror.reading_ages to quest_mirror_writer, quest_mirror_reader;
select mirror.guard(book::regclass, array['quest_mirror_writer', 'quest_mirror_reader'])
from unnest(array['mirror.hourly_arrivals', 'mirror.reading_ages']) as book;
