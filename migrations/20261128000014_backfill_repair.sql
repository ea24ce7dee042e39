-- Why: what no event brought is filled from RTDB by people: leaves that stood before mirroring or were made
-- while it was off (backfill), and rows that differ (repair). Both give way to events. Of any path, by its
-- name; none of it is granted to the functions' roles: people run it as the owner.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- What a backfill was asked and how far it has come, so that it can be resumed.
create table mirror.backfills (
  id bigint generated always as identity,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  status text not null default 'running',
  -- Paths, their days, and shards: null = all.
  config jsonb not null,
  -- By node of RTDB, such as daily_quests: the last shard, in RTDB's order, up to which all is done.
  checkpoint jsonb not null default '{}',
  -- By path: shards, keys, inserted, rejected, differing, unexplained.
  done jsonb not null default '{}',
  -- Shards that could not be filled: node, shard, error.
  failed jsonb not null default '[]',
  error text,

  constraint backfills_pkey primary key (id),
  constraint backfills_status_known check (status in ('running', 'finished', 'failed')),
  constraint backfills_ended_has_time check ((status = 'running') = (finished_at is null))
);

comment on table mirror.backfills is 'What each backfill read and inserted, and how far it came.';

grant select on mirror.backfills to quest_mirror_writer, quest_mirror_reader;
select mirror.guard('mirror.backfills', array['quest_mirror_writer', 'quest_mirror_reader']);

-- Ends what was open of leaves that were just written, logs those that were not open as found and over, and
-- makes the shard's reading due, which renews what its shared rows and its keys stand for.
--   refs   of the leaves that were written
--   kinds  of the divergences that are over by it
--   found_rows  columns of the log, for those that nobody may have noticed; others than these refs are left out
create function mirror.settle_written(
  written_path text,
  written_shard text,
  writer text,
  refs text[],
  kinds text[],
  found_rows jsonb
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  known text[];
begin
  if cardinality(refs) = 0 then
    return;
  end if;
  -- Held before the log's rows, as a reading does.
  insert into mirror.readings (path, shard) values (written_path, written_shard) on conflict do nothing;
  perform from mirror.readings as r where (r.path, r.shard) = (written_path, written_shard) for update;
  with held as materialized (
    select log.id
    from unnest(refs) as written (ref)
    join mirror.divergence_log as log
      on md5(log.ref) = md5(written.ref)
      and log.ref = written.ref
      and log.path = written_path
      and log.kind = any (kinds)
      and log.key is not null
      and log.resolved_at is null
    order by log.ref, log.kind
    for update of log
  ),
  over as (
    update mirror.divergence_log as log
    set
      resolved_at = clock_timestamp(),
      resolved_by = writer,
      last_seen_at = greatest(log.last_seen_at, clock_timestamp())
    from held
    where log.id = held.id and log.resolved_at is null
    returning log.ref
  )
  select coalesce(array_agg(over.ref), '{}') into known from over;
  perform mirror.log_reading(
    written_path, written_shard, writer,
    (
      select coalesce(jsonb_agg(f.told order by f.place), '[]')
      from jsonb_array_elements(found_rows) with ordinality as f (told, place)
      where f.told ->> 'ref' = any (refs) and f.told ->> 'ref' <> all (known)
    ),
    '[]', '[]'
  );
  update mirror.readings as r
  set due_at = least(r.due_at, clock_timestamp()), made_due_at = clock_timestamp()
  where (r.path, r.shard) = (written_path, written_shard);
end
$$;

-- The columns that these rows tell, which the path's table must have.
create function mirror.refuse_unknown_columns(declared mirror.paths, leaves jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  unknown constant text := (
    select string_agg(distinct told.name, ', ')
    from jsonb_array_elements(leaves) as leaf
    cross join lateral jsonb_object_keys(leaf -> 'row') as told (name)
    where told.name <> 'payload'
      and told.name <> all (declared.key_columns)
      and not declared.other_columns ? told.name
  );
begin
  if unknown is not null then
    raise exception 'table % lacks columns of the declaration: %', declared.relation, unknown
      using errcode = 'undefined_column';
  end if;
end
$$;

-- Inserts leaves of a shard where no row is, given in key order; the version -infinity lets any event win,
-- and a tombstone stays. Answers, by their place from 0, which were inserted.
--   leaves  ref, row: the key, what the declaration derives, and the payload
--   found_rows  see mirror.settle_written
create function mirror.fill_rows(filled_path text, filled_shard text, leaves jsonb, found_rows jsonb)
returns integer[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  declared mirror.paths;
  columns text[];
  inserted integer[];
begin
  select p.* into strict declared from mirror.paths as p where p.path = filled_path;
  perform mirror.refuse_unknown_columns(declared, leaves);
  columns := declared.key_columns || array(select jsonb_object_keys(declared.other_columns));
  perform set_config('mirror.writer', 'on', true);
  execute format(
    -- No column's name begins with `_`.
    'with leaf as materialized (
       select (l.place - 1)::integer as _n, r.*
       from jsonb_array_elements($1) with ordinality as l (told, place)
       cross join lateral jsonb_populate_record(null::%1$s, l.told -> ''row'') as r
       where (select mirror.erased_lengths()) is null
         or not mirror.is_erased(r.%7$I::text, array[%8$s]::text[], (select mirror.erased_lengths()))
     ),
     inserted as (
       insert into %1$s (%2$s, payload, origin, event_time)
       select %3$s, leaf.payload, ''backfill'', ''-infinity'' from leaf order by leaf._n
       -- Of the key alone: a constraint of the team''s is to say that it refuses the row.
       on conflict (%4$s) do nothing
       returning %4$s
     )
     select coalesce(array_agg(leaf._n), ''{}'')
     from leaf
     join inserted as i on (%5$s) = (%6$s)',
    declared.relation,
    mirror.name_list(columns, '%I'), mirror.name_list(columns, 'leaf.%I'),
    mirror.name_list(declared.key_columns, '%I'),
    mirror.name_list(declared.key_columns, 'i.%I'), mirror.name_list(declared.key_columns, 'leaf.%I'),
    declared.key_columns[1], mirror.other_parts(declared, 'r.%I')
  ) into inserted using leaves;
  perform mirror.settle_written(
    filled_path, filled_shard, 'backfill',
    array(select leaves -> n ->> 'ref' from unnest(inserted) as n),
    array['missing_in_postgres'], found_rows
  );
  return inserted;
end
$$;

-- Sets rows of a shard to what RTDB holds, given in key order. Each is guarded by the version that was
-- compared: whatever wrote the row since knows better. The version stays, so that newer events still win and
-- older ones still lose; without the event's id, its redelivery is a tie, and RTDB decides that. Of a row
-- whose columns alone differ only these change: its payload is what an event brought. Answers, by their place
-- from 0, which were written.
--   repairs  ref; row: the key, the columns that change, and the payload (null = RTDB holds nothing);
--            only_columns; has_row, and what it showed: seen_event_time (null = no event made it),
--            seen_event_id, seen_mirrored_at
--   found_rows  see mirror.settle_written
create function mirror.repair_rows(
  repaired_path text,
  repaired_shard text,
  repairs jsonb,
  found_rows jsonb,
  lock_wait text
)
returns integer[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  declared mirror.paths;
  others text[];
  written integer[];
begin
  select p.* into strict declared from mirror.paths as p where p.path = repaired_path;
  perform mirror.refuse_unknown_columns(declared, repairs);
  others := array(select jsonb_object_keys(declared.other_columns));
  perform set_config('lock_timeout', lock_wait, true);
  perform set_config('mirror.writer', 'on', true);
  execute format(
    'with wanted as materialized (
       select (l.place - 1)::integer as _n, l.told as _told, r.*
       from jsonb_array_elements($1) with ordinality as l (told, place)
       cross join lateral jsonb_populate_record(null::%1$s, l.told -> ''row'') as r
       where (select mirror.erased_lengths()) is null
         or not mirror.is_erased(r.%9$I::text, array[%10$s]::text[], (select mirror.erased_lengths()))
       order by l.place
     ),
     held as materialized (
       select w._n, (w._told -> ''only_columns'')::boolean as only_columns
       from wanted as w
       cross join lateral (
         select q.event_time, q.event_id, q.mirrored_at
         from %1$s as q
         where (%2$s) = (%3$s)
         for update
       ) as q
       where (w._told -> ''has_row'')::boolean
         and q.event_time = coalesce((w._told ->> ''seen_event_time'')::timestamptz, ''-infinity'')
         and q.event_id is not distinct from w._told ->> ''seen_event_id''
         and q.mirrored_at = (w._told ->> ''seen_mirrored_at'')::timestamptz
     ),
     updated as (
       update %1$s as q
       set
         %4$s
         payload = case when h.only_columns then q.payload else w.payload end,
         origin = case when h.only_columns then q.origin else ''repair'' end,
         event_id = case when h.only_columns then q.event_id end,
         tie_settled = h.only_columns and q.tie_settled,
         deleted_at = case
           when h.only_columns then q.deleted_at
           when w.payload is null then clock_timestamp()
         end,
         mirrored_at = case when h.only_columns then q.mirrored_at else clock_timestamp() end
       from wanted as w
       join held as h using (_n)
       where (%2$s) = (%3$s)
       returning w._n
     ),
     inserted as (
       insert into %1$s (%5$s, payload, origin, event_time)
       select %6$s, w.payload, ''repair'', ''-infinity''
       from wanted as w
       where not (w._told -> ''has_row'')::boolean and w.payload is not null
       order by w._n
       on conflict (%7$s) do nothing
       returning %7$s
     )
     select coalesce(array_agg(done._n), ''{}'')
     from (
       select updated._n from updated
       union all
       select w._n from wanted as w join inserted as i on (%8$s) = (%3$s)
     ) as done',
    declared.relation,
    mirror.name_list(declared.key_columns, 'q.%I'), mirror.name_list(declared.key_columns, 'w.%I'),
    coalesce(
      mirror.name_list(
        others, '%1$I = case when w._told -> ''row'' ? %1$L then w.%1$I else q.%1$I end'
      ) || ',',
      ''
    ),
    mirror.name_list(declared.key_columns || others, '%I'),
    mirror.name_list(declared.key_columns || others, 'w.%I'),
    mirror.name_list(declared.key_columns, '%I'), mirror.name_list(declared.key_columns, 'i.%I'),
    declared.key_columns[1], mirror.other_parts(declared, 'r.%I')
  ) into written using repairs;
  perform mirror.settle_written(
    repaired_path, repaired_shard, 'repair',
    array(select repairs -> n ->> 'ref' from unnest(written) as n),
    array[
      'missing_in_postgres', 'missing_in_rtdb', 'value_mismatch', 'column_mismatch', 'client_only'
    ],
    found_rows
  );
  return written;
end
$$;

-- A page of the shards of which a path has rows, after one of them: a look-up in the primary key for each.
create function mirror.shards_after(asked_path text, after_key text, most integer)
returns setof text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  declared mirror.paths;
begin
  select p.* into strict declared from mirror.paths as p where p.path = asked_path;
  return query execute format(
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
     select page.shard from page order by page.n',
    declared.key_columns[1], declared.relation
  ) using after_key, most;
end
$$;

-- Those of these shards of which any of these paths has a row.
create function mirror.shards_with_rows(asked_paths text[], shards text[])
returns setof text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  declared mirror.paths;
begin
  for declared in select p.* from mirror.paths as p where p.path = any (asked_paths) loop
    return query execute format(
      'select asked.shard
       from unnest($1) as asked (shard)
       where exists (select from %2$s as q where q.%1$I = asked.shard)',
      declared.key_columns[1], declared.relation
    ) using shards;
  end loop;
end
$$;

-- Since when a path's columns are due, and what tells that they were computed since: repair --columns.
create function mirror.end_columns(ended_path text, due_since timestamptz)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update mirror.paths as p
  set columns_due_at = null
  where p.path = ended_path and p.columns_due_at is not distinct from due_since;
  return found;
end
$$;

-- A row of any path, as explain shows it: all its columns, and how long the event took; null = there is none.
create function mirror.row_of(asked_path text, parts jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  declared mirror.paths;
  condition text;
  shown jsonb;
begin
  select p.* into strict declared from mirror.paths as p where p.path = asked_path;
  select string_agg(
    format('q.%I = ($1 ->> %s)::%s', k.name, k.place - 1, format_type(a.atttypid, a.atttypmod)),
    ' and ' order by k.place
  )
  into condition
  from unnest(declared.key_columns) with ordinality as k (name, place)
  join pg_catalog.pg_attribute as a
    on a.attrelid = declared.relation::regclass and a.attname = k.name;
  execute format(
    'select to_jsonb(q) || jsonb_build_object(''_lag_ms'', case
       when q.event_time > ''-infinity''
       then round(extract(epoch from q.mirrored_at - q.event_time) * 1000)
     end)
     from %s as q
     where %s',
    declared.relation, condition
  ) into shown using parts;
  return shown;
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
        'settle_written', 'refuse_unknown_columns', 'fill_rows', 'repair_rows', 'shards_after',
        'shards_with_rows', 'end_columns', 'row_of'
      )
  loop
    execute format('revoke all on function %s from public', made);
  end loop;
end
$$;

-- Read only: the story of a leaf, on the command line and the dashboard.
grant execute on function mirror.row_of(text, jsonb) to quest_mirror_writer, quest_mirror_reader;
