-- Why: the gate. What it judges by, for a path at a time, and what it said each hour. A path may have a
-- million shards and an answer may take a second: sums are kept as readings are set, and only shards of
-- which something differs, or isn't known, are looked at one by one.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- ---------------------------------------------------------------------------------------------------
-- Sums over mirror.readings.

create table mirror.reading_sums (
  path text not null,
  -- The hour of the full reading; -infinity = none, infinity = no reading at all.
  full_hour timestamptz not null,
  -- Shards by hash, so that readings which are set at once seldom wait for each other.
  part bigint not null,
  shards bigint not null,
  -- Read, but nothing tells since when differences count.
  uncounted bigint not null,
  keys bigint not null,
  -- The same, with one at least for each shard.
  keys_or_one bigint not null,
  brought bigint not null,

  constraint reading_sums_pkey primary key (path, full_hour, part)
);

comment on table mirror.reading_sums is
  'Sums over mirror.readings by path and by the hour of the full reading, kept by its triggers.';

create function mirror.sum_part(shard text)
returns bigint
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select (hashtext(shard collate "C") & 15)::bigint
$$;

create function mirror.sum_hour(read_at timestamptz, full_at timestamptz)
returns timestamptz
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when full_at is not null then date_bin('1 hour', full_at, '2000-01-01T00:00:00Z'::timestamptz)
    when read_at is not null then '-infinity'
    else 'infinity'
  end
$$;

-- What a statement changed is added. Three functions of one text, because a trigger of one operation has no table of the
-- other's rows. Sums are taken in one order: two statements that change many shards at once don't deadlock.
do $maker$
declare
  template constant text := $template$
create function mirror.{function}()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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
  from ({changed}) as changed
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
$$
  $template$;
  made record;
begin
  for made in
    select *
    from (values
      ('sum_readings_inserted', 'select *, 1 as n from new_rows'),
      ('sum_readings_updated', 'select *, 1 as n from new_rows union all select *, -1 from old_rows'),
      ('sum_readings_removed', 'select *, -1 as n from old_rows')
    ) as of_operation (name, changed)
  loop
    execute replace(replace(template, '{function}', made.name), '{changed}', made.changed);
  end loop;
end
$maker$;

create trigger readings_inserted after insert on mirror.readings
  referencing new table as new_rows
  for each statement execute function mirror.sum_readings_inserted();
create trigger readings_updated after update on mirror.readings
  referencing old table as old_rows new table as new_rows
  for each statement execute function mirror.sum_readings_updated();
create trigger readings_removed after delete on mirror.readings
  referencing old table as old_rows
  for each statement execute function mirror.sum_readings_removed();
create trigger readings_truncated after truncate on mirror.readings
  for each statement execute function mirror.sum_readings_removed();

revoke all on function mirror.sum_part(text) from public;
revoke all on function mirror.sum_hour(timestamptz, timestamptz) from public;
revoke all on function mirror.sum_readings_inserted() from public;
revoke all on function mirror.sum_readings_updated() from public;
revoke all on function mirror.sum_readings_removed() from public;

grant select on mirror.reading_sums to quest_mirror_writer, quest_mirror_reader;
select mirror.guard('mirror.reading_sums', array['quest_mirror_writer', 'quest_mirror_reader']);

-- ---------------------------------------------------------------------------------------------------
-- Evidence.

-- What is known of one path, now.
--   judged_shard   null = all
--   canary_shards  counted by nobody
--   window_length  the gate's window
--   new_within     a shard that was first seen so lately is not judged until it is read
--   full_within    how old a full reading may be
--
--   verified_to    since when 999 of 1,000 shards that can be read have had a whole reading, and not later than
--                  the last listing of RTDB's; null = nobody knows
--   unread_shards  shards not read since then, and those that can't be read (failed_shards, and one of them)
--   copy_rate      of all keys: total, differing, unknown; and the shards that differ most or are heaviest
--   mirror_rate    the same of the keys written in the window before each shard's newest whole reading; one that
--                  may have been lost before it is unknown
--   causes         differences by kind and cause: keys that are open, and keys that were lost in the window
--   affected_shards   those with either
create function mirror.gate_evidence(
  judged_path text,
  judged_shard text,
  canary_shards text[],
  window_length interval,
  new_within interval,
  full_within interval
)
returns table (
  at timestamptz,
  began_at timestamptz,
  first_pass_at timestamptz,
  listed_at timestamptz,
  verified_to timestamptz,
  shards bigint,
  unread_shards bigint,
  failed_shards bigint,
  failed_shard text,
  failed_error text,
  -- Read, but not in full for too long.
  old_full_shards bigint,
  affected_shards bigint,
  oldest_full_at timestamptz,
  copy_rate jsonb,
  mirror_rate jsonb,
  causes jsonb
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
-- Compiling costs more than these statements. And a plan for any path, gap or limit would read all there is.
set jit = off
set plan_cache_mode = force_custom_plan
as $$
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
$$;

revoke all on function mirror.gate_evidence(text, text, text[], interval, interval, interval) from public;
grant execute on function mirror.gate_evidence(text, text, text[], interval, interval, interval)
  to quest_mirror_writer, quest_mirror_reader;

-- ---------------------------------------------------------------------------------------------------
-- What the gate said, hour by hour.

create table mirror.rates (
  path text not null,
  -- Its hour, of which the first answer is kept.
  hour timestamptz not null,
  at timestamptz not null,
  verdict text not null,
  -- What stood in the way beside the rates and their age.
  reasons jsonb not null default '[]',
  -- Since when nearly all shards had been read; null = nobody knew.
  verified_to timestamptz,
  -- All keys; of the bounds the lower has all unknown keys as differing, the upper as agreeing, both without
  -- the few couples that alone decide nothing.
  copy_keys bigint not null,
  copy_differing bigint not null,
  copy_unknown bigint not null,
  copy_lower double precision not null,
  copy_upper double precision not null,
  -- The same of the keys that were written in the window.
  mirror_keys bigint not null,
  mirror_differing bigint not null,
  mirror_unknown bigint not null,
  mirror_lower double precision not null,
  mirror_upper double precision not null,
  shards bigint not null,
  unread_shards bigint not null,
  affected_shards bigint not null,
  oldest_full_at timestamptz,

  constraint rates_pkey primary key (path, hour),
  constraint rates_hour_is_full check (hour = date_trunc('hour', at, 'UTC')),
  constraint rates_verdict_known check (verdict in ('ready', 'not_ready', 'cannot_tell')),
  constraint rates_are_ratios check (
    0 <= copy_lower and copy_lower <= copy_upper and copy_upper <= 1
    and 0 <= mirror_lower and mirror_lower <= mirror_upper and mirror_upper <= 1
  )
);

comment on table mirror.rates is 'What the gate said of each path, once an hour; kept 400 days.';

grant select, insert on mirror.rates to quest_mirror_writer;
grant select on mirror.rates to quest_mirror_reader;
select mirror.guard('mirror.rates', array['quest_mirror_writer', 'quest_mirror_reader']);
