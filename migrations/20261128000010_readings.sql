-- Why: the proof. A reading is one look at one shard of one path in both stores; what is known of a shard
-- is the newest reading of it, and each key counts once. This file has its books, and what a reading asks
-- of Postgres: which shards are due, what it knows of a shard, its rows, and how a reading is set.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- ---------------------------------------------------------------------------------------------------
-- The books.

create table mirror.readings (
  path text not null,
  -- The first part of the key, such as the couple.
  shard text collate "C" not null,
  -- When either store was first seen to hold it.
  first_seen_at timestamptz not null default clock_timestamp(),
  -- Its newest whole reading, and that one's first day; null of a path without a day.
  read_at timestamptz,
  read_from date,
  -- Its whole readings of the last 48 hours, oldest first, and the newest before: what was lost while nobody read is
  -- counted from there.
  whole_at timestamptz[] not null default '{}',
  touched_at timestamptz,
  -- Its newest full reading; of a backup: the backup's time.
  full_at timestamptz,
  -- Live rows of all days at the newest whole reading without `client_only`, and its open `missing_in_postgres`.
  keys integer not null default 0,
  -- Since when differences count; null = nothing tells, as in a first reading.
  counted_since timestamptz,
  -- Keys that agreed at the newest whole reading, and whose row an event brought since then, in the day before it.
  brought integer not null default 0,
  -- Suspects, and keys that neither agreed nor stood still.
  in_flight integer not null default 0,
  failed_at timestamptz,
  error text,
  due_at timestamptz not null default clock_timestamp(),

  -- The next reading is to be a full one, whatever its age.
  is_full_due boolean not null default true,
  -- The beginning of the reading that set this row: an older one changes nothing.
  set_at timestamptz,
  -- Its first full reading after the last gap in mirroring.
  caught_up_at timestamptz,
  -- RTDB's last listing that showed it.
  listed_at timestamptz,
  -- When a touched row, a listing, a gap or somebody made it due: a reading that began before leaves it due.
  made_due_at timestamptz,
  -- When a row of it was found to have moved while a worker had it: wanted again within the hour.
  moved_at timestamptz,
  -- A worker has it until then; one that dies leaves it to the next.
  taken_until timestamptz,

  constraint readings_pkey primary key (path, shard),
  constraint readings_counts_not_negative check (keys >= 0 and brought >= 0 and in_flight >= 0)
);

-- Reader: the queue, path by path: what is due of others is not walked over.
create index readings_due on mirror.readings (path, due_at);

-- Reader: the end of a path's first pass. Empty from then on.
create index readings_unread on mirror.readings (path) where full_at is null and failed_at is null;

-- Reader of these seven: the gate. Since when the shards of a path have been read, and which were not.
create index readings_read on mirror.readings (path, read_at);
create index readings_read_in_full on mirror.readings (path, full_at);
create index readings_failed on mirror.readings (path) where failed_at is not null;
create index readings_in_flight on mirror.readings (path) where in_flight > 0;
create index readings_uncounted on mirror.readings (path) where counted_since is null;
-- Its heaviest shards.
create index readings_keys on mirror.readings (path, keys);
create index readings_brought on mirror.readings (path, brought);

-- Rows are set anew with every reading: room for it on the page, or each would move to another. Vacuum comes when a
-- fiftieth is dead: a fifth of millions would take the queue's index with it.
alter table mirror.readings set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

comment on table mirror.readings is 'What is known of each shard of each path, by its newest reading.';

create table mirror.suspects (
  path text not null,
  shard text collate "C" not null,
  -- By key column.
  key jsonb not null,
  -- The reading that saw it differ first, and how often it was looked at.
  looked_at timestamptz not null,
  looks integer not null default 1,
  -- Its row at the last look; null = there was none, or no event made it.
  event_id text,
  mirrored_at timestamptz,
  -- When it agreed last, as far as is known: a bound of the write that is missing.
  written_after timestamptz,

  constraint suspects_looks_positive check (looks >= 1)
);

-- md5, because a key can be longer than an index entry may be.
create unique index suspects_key on mirror.suspects (md5(shard), path, md5(key::text));

comment on table mirror.suspects is
  'Keys that differed at one look, and that are looked at again before they are said to differ.';

-- How far the proof has come with a path as a whole.
create table mirror.listings (
  path text not null,
  -- When the last full listing of RTDB's shards began; no reading proves more than was listed by then.
  listed_at timestamptz,
  -- When the one before it began: a shard that was seen since the last began is younger than this.
  listed_before timestamptz,
  -- When it ended: what was first seen by then was shown by it.
  ended_at timestamptz,
  -- A listing that is under way: when it began, and the last key that it has come to.
  began_at timestamptz,
  after_key text,
  -- Rows and direct writes up to here have made their shards due. Those before the first look were found by the first
  -- listing: looking for them among all rows would take minutes.
  touched_to timestamptz not null default clock_timestamp(),
  -- The end of the last gap after which all shards were made due.
  gap_at timestamptz not null default '-infinity',

  constraint listings_pkey primary key (path)
);

comment on table mirror.listings is 'How far the proof has listed the shards of each path.';

-- Written by the functions below alone, which run as the owner: the writer may delete nothing.
grant select on mirror.readings, mirror.suspects, mirror.listings
  to quest_mirror_writer, quest_mirror_api, quest_mirror_reader;
select mirror.guard(
  book::regclass, array['quest_mirror_writer', 'quest_mirror_api', 'quest_mirror_reader']
)
from unnest(array['mirror.readings', 'mirror.suspects', 'mirror.listings']) as book;

-- When somebody last emptied a path's table. By the key that such a write has, which an index finds.
create function mirror.truncated_at(of_path text)
returns timestamptz
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select d.written_at
  from mirror.direct_writes as d
  where md5(d.key::text) = md5('{}') and d.path = of_path and d.operation = 'truncate'
$$;


-- ---------------------------------------------------------------------------------------------------
-- Which shards are due.

-- Statements that wait for rows take them in one order, so that none wait in a ring: first the path's row in
-- mirror.listings, then rows of mirror.readings by path and shard, then rows of the log by ref and kind. A row is
-- held from the first statement of a function that needs it. take_due and resolve_told wait for none.

-- Takes the shards that are due longest, `most` of them, for as long as `lease`: a worker that dies leaves
-- them to the next. Paths that share the node of a shard are read together: `mates` has, by path, the
-- others of its node.
create function mirror.take_due(
  most integer,
  lease interval,
  mates jsonb,
  only_paths text[],
  only_shards text[]
)
returns table (path text, shard text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
-- A plan for any limit would sort all that is there.
set plan_cache_mode = force_custom_plan
as $$
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
$$;

-- Makes these shards of these paths due now; in full, if that is asked. Answers the database's clock.
create function mirror.make_due(wanted_paths text[], wanted_shards text[], in_full boolean)
returns timestamptz
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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
$$;

-- Makes all shards of a path due, as somebody asked at `asked_at`: `most` of them behind `after_shard`, as a statement
-- has little time. Answers the last one; null = that was all.
--   read_before  only those that were last read in full before; null = all
create function mirror.make_page_due(
  wanted_path text,
  in_full boolean,
  asked_at timestamptz,
  read_before timestamptz,
  after_shard text,
  most integer
)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
-- A plan for any limit would sort all that is there.
set plan_cache_mode = force_custom_plan
as $$
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
$$;

-- Gives back shards that a worker took and did not come to.
create function mirror.give_back(given_paths text[], given_shards text[])
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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
$$;

-- Makes due the shards of which a row or a direct write says that something was written since the last
-- time: within the hour, once an hour at most. A shard that is not known yet is due at once. Of one that a worker
-- has, its reading counts as this hour's, and may have missed the row: it is wanted again an hour later.
-- A page of what was written, by when: about `most` rows behind `after_at`, as a statement has little time; null = the
-- first page. Answers up to when it came, null = that was all, and when the first page began, for the next.
create function mirror.note_touched(
  touched_path text,
  canary_shard text,
  least_between interval,
  most integer,
  after_at timestamptz,
  began_at timestamptz
)
returns table (last_at timestamptz, look_began_at timestamptz)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
-- A plan for any limit would sort all that is there.
set plan_cache_mode = force_custom_plan
as $$
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
$$;

-- Begins a listing of RTDB's shards, or goes on with the one that is under way; none where the last is
-- younger than `every`. All paths of a node are listed together.
create function mirror.begin_listing(listed_paths text[], every interval)
returns table (began_at timestamptz, after_key text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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
$$;

-- Notes a page of RTDB's shards. One that is new is due at once, in full; so is one of which Postgres has no
-- live row, unless it was read in full within `full_again`.
create function mirror.note_listed(
  listed_path text,
  listing_began timestamptz,
  shards text[],
  last_key text,
  full_again interval
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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
$$;

-- Ends a listing, of both stores.
create function mirror.end_listing(listed_path text, listing_began timestamptz)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  update mirror.listings as l
  set
    listed_before = l.listed_at,
    listed_at = listing_began,
    ended_at = clock_timestamp(),
    began_at = null,
    after_key = null
  where l.path = listed_path and l.began_at = listing_began
$$;

-- Notes a page of the shards of which Postgres has rows: a look-up in the primary key for each, however many
-- rows it has. One that RTDB's listing, which comes first, did not show is due in full. Answers the last one; null =
-- that was all.
create function mirror.note_rows(
  noted_path text,
  canary_shard text,
  after_key text,
  most integer,
  listing_began timestamptz,
  full_again interval
)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
-- A plan for any limit would sort all that is there.
set plan_cache_mode = force_custom_plan
as $$
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
$$;

-- When the last gap in mirroring ended, until it is noted: the flag is on again for all, or what a restore brought
-- back is to be looked at. A TRUNCATE counts as one. Null = none since the last time.
create function mirror.ended_gap(noted_path text)
returns timestamptz
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
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
$$;

-- Makes all shards due in full, once, after a gap, by pages. Answers the last shard of the page; null = that was all.
create function mirror.note_gap(noted_path text, gap_end timestamptz, after_shard text, most integer)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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
$$;

-- ---------------------------------------------------------------------------------------------------
-- A reading.

-- Begins a reading of one shard, of paths that share its node: what is known of it, by path. All instants are
-- of this database's clock.
--   reading   its row in mirror.readings; null = it has none
--   path_books   began_at, first_pass_at, are_columns_due (`repair --columns` is to come), has_erased (somebody was),
--             gap_at (the end of the last gap in mirroring), restored_at (the last restore or TRUNCATE), listed_before
--             (when the listing before the last full one began)
--   open      the divergences of readings that are open: id, ref, kind, cause, day, key, keys, seen (what told its
--             values), written_after, written_before
--   settled   refs whose divergence was resolved since the last whole reading by a repair, a backfill, a claim or by
--             hand
--   suspects  key, looked_at, looks, event_id, mirrored_at, written_after
--   direct    writes past the mirror since the last full reading: key, day, operation, at, is_change
--   moved     what rows moved, and when last: days (as YYYY-MM-DD), or of a path without a day the keys, as
--             arrays of their parts. Since the last whole reading, or of a path without a day since `moved_within`;
--             null = more than 1,000
create function mirror.begin_reading(read_paths text[], read_shard text, moved_within interval)
returns table (
  path text,
  read_at timestamptz,
  reading jsonb,
  path_books jsonb,
  open jsonb,
  settled jsonb,
  suspects jsonb,
  direct jsonb,
  moved jsonb
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
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
$$;

-- Rows of a path, tombstones included, in key order: of these shards; of the days from_day to to_day and those in
-- `days`, or of all (both null); of these keys alone (arrays of their parts), or of all (null).
create function mirror.rows_of(
  wanted_path text,
  shards text[],
  from_day date,
  to_day date,
  days date[],
  keys jsonb
)
returns table (
  -- The parts of the key, in order.
  parts text[],
  payload jsonb,
  -- What the declaration derives, by column.
  columns jsonb,
  origin text,
  event_id text,
  -- Null = no event made the row.
  event_time timestamptz,
  is_tombstone boolean,
  mirrored_at timestamptz
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
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
$$;

-- Opens, renews and resolves divergences of a shard, for a reading, a repair or a backfill.
--   found     the columns of the log, and resolved_by for one that is resolved already
--   renewed   id, the keys that the row stands for by now, and where its cause is known better: cause, severity, and
--             what it changes of the detail
--   resolved  id, by
create function mirror.log_reading(
  read_path text,
  read_shard text,
  finder text,
  found_rows jsonb,
  renewed jsonb,
  resolved jsonb
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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
$$;

-- Sets a reading: all of it, or nothing where another one was set since it began (it answers false; the
-- shard stays due). `reading`:
--   path, shard, kind  whole, full, touched, suspects, or backup: keys that a backup made somebody look at, beside
--                      what is due
--   began_at, read_at  the database's clock when it began
--   seen_set_at        as begin_reading told it
--   read_from, counted_since, caught_up_at, brought, in_flight, due_at, is_full_due
--   touched_again_at  when it is due for a row that moved meanwhile
--   is_gone            neither store holds the shard
--   found, renewed, resolved, suspects  what becomes of divergences and suspects
create function mirror.set_reading(reading jsonb)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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
$$;

-- Notes that a backup was compared with the rows of these shards, all of it: they are read in full as of its
-- time, but for those in `but_shards`. What differed was looked at meanwhile, in both stores. A page of shards;
-- answers the last one, null = that was all.
create function mirror.note_backup(
  noted_path text,
  taken_at timestamptz,
  only_shards text[],
  but_shards text[],
  after_shard text,
  most integer
)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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
$$;

-- Notes that a path's first full pass has ended: every shard that the first listing showed was read in full, or
-- can't be read.
create function mirror.note_first_pass(noted_path text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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
$$;

-- A shard could not be read: why, and when to try again.
create function mirror.fail_reading(failed_path text, failed_shard text, reason text, again interval)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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
$$;

-- In which hours of the last days a row of these shards moved: what readings of touched days cost.
create function mirror.touched_hours(of_path text, shards text[], within interval)
returns table (shard text, hour timestamptz)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
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
$$;

do $$
declare
  made regprocedure;
begin
  for made in
    select p.oid::regprocedure
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'mirror'::regnamespace
      and p.proname in (
        'truncated_at', 'take_due', 'make_due', 'make_page_due', 'give_back', 'note_touched', 'begin_listing', 'note_listed',
        'end_listing', 'note_rows', 'ended_gap', 'note_gap', 'note_first_pass', 'note_backup', 'begin_reading',
        'rows_of', 'log_reading', 'set_reading', 'fail_reading', 'touched_hours'
      )
  loop
    execute format('revoke all on function %s from public', made);
    execute format('grant execute on function %s to quest_mirror_writer', made);
  end loop;
end
$$;

grant execute on function mirror.name_list(text[], text)
  to quest_mirror_writer, quest_mirror_reader, quest_mirror_api;
-- Read only: the dashboard tells a leaf's story with them, and the API why a day differs.
grant execute on function mirror.rows_of(text, text[], date, date, date[], jsonb)
  to quest_mirror_reader, quest_mirror_api;
grant execute on function mirror.begin_reading(text[], text, interval)
  to quest_mirror_reader, quest_mirror_api;
grant execute on function mirror.truncated_at(text) to quest_mirror_reader, quest_mirror_api;
-- It writes what the API may write anyway, and no more.
grant execute on function mirror.log_reading(text, text, text, jsonb, jsonb, jsonb) to quest_mirror_api;
