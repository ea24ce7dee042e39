-- Why: a person may ask to be forgotten. `mirror erase` removes them from the copy and from the books, and what still comes
-- for them is dropped. None of it is granted to the functions' roles: people run it as the owner.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- Waits for those who write to a table now. A writer that begins later sees what was committed before: a writer asks for
-- mirror.erased once it has its lock on the table. Takes no lock itself: writers that come would queue behind it, for as
-- long as somebody leaves a transaction open.
create function mirror.await_writers(awaited regclass, patience interval default '5 minutes')
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  began_at constant timestamptz := clock_timestamp();
  writing constant text[] := array(
    select l.virtualtransaction
    from pg_locks as l
    where l.relation = awaited
      and l.database = (select d.oid from pg_database as d where d.datname = current_database())
      and l.granted
      and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  );
  holders text;
begin
  loop
    select string_agg(distinct coalesce(l.pid::text, 'a prepared transaction'), ', ')
    into holders
    from pg_locks as l
    where l.relation = awaited and l.granted and l.virtualtransaction = any (writing);
    exit when holders is null;
    if clock_timestamp() - began_at > patience then
      raise exception 'nothing was removed: transactions that write to % have to end first: pid %', awaited, holders
        using errcode = 'lock_not_available';
    end if;
    perform pg_sleep(0.02);
  end loop;
end
$$;

-- What tells, in JSON or in text, that something names one of these ids: a text or a key that is the id, that begins with
-- it before `_` or ends with it after `_`; or a ref with such a key. A regular expression.
create function mirror.mentions_of(ids text[])
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select format(
    '(^|["/])(?:%1$s)(?:$|["\\/_])|(^|["/_])(?:%1$s)(?:$|["\\/])',
    string_agg(regexp_replace(form.id, '([][\\^$.|?*+(){}])', '\\\1', 'g'), '|' order by form.id)
  )
  from (
    select held.id from unnest(ids) as held (id)
    union
    -- As JSON writes it.
    select substr(shown.text, 2, length(shown.text) - 2)
    from unnest(ids) as held (id)
    cross join lateral (select to_jsonb(held.id)::text) as shown (text)
  ) as form (id)
$$;

-- What of a row q may name a person, as JSON: every column but its version, days, times and numbers. An expression; the
-- columns' own names aren't in it.
create function mirror.naming_text(declared mirror.paths)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select format('concat_ws('','', %s)', string_agg(format('to_jsonb(q.%I)', a.attname), ', ' order by a.attnum))
  from pg_attribute as a
  join pg_type as t on t.oid = a.atttypid
  where a.attrelid = declared.relation::regclass
    and a.attnum > 0
    and not a.attisdropped
    and t.typcategory not in ('B', 'D', 'N', 'T')
    and a.attname not in ('origin', 'event_id')
$$;

-- What of a key of the books may name a person, as JSON: its values but the day.
create function mirror.naming_key(key_path text, key jsonb)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select string_agg(part.value::text, ',')
  from jsonb_each(case jsonb_typeof(key) when 'object' then key else '{}' end) as part
  where part.key is distinct from (select p.day_column from mirror.paths as p where p.path = key_path)
$$;

-- What of a ref may name a person: the keys that the path's pattern leaves open, but the day.
create function mirror.naming_ref(ref_path text, ref text, ref_day date)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select string_agg(to_jsonb(place.key)::text, ',' order by place.n)
  from unnest(mirror.keys_of_ref(ref_path, ref)) with ordinality as place (key, n)
  where place.key is distinct from to_char(ref_day, 'YYYY-MM-DD')
$$;

-- Removes what a path's table has of these ids, or only counts it: rows whose key holds one, the person's own among
-- them, and rows of other keys that mention one.
create function mirror.erase_rows(erased_path text, ids text[], is_write boolean)
returns table (shards bigint, keyed bigint, own bigint, mentioning bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  declared mirror.paths;
  holds text;
  own_row text;
  naming text;
begin
  select p.* into strict declared from mirror.paths as p where p.path = erased_path;
  naming := mirror.naming_text(declared);
  holds := format(
    -- As text: the first part may be a day.
    'q.%1$I::text = any ($1) or q.%1$I::text like any ($2)%2$s', declared.key_columns[1],
    (
      select string_agg(format(' or q.%I = any ($1)', name), '')
      from unnest(array_remove(declared.key_columns[2:], declared.day_column)) as name
    )
  );
  -- Where no column holds a user, nobody can tell whose a row of a couple is.
  own_row := coalesce(
    (
      select string_agg(format('q.%I = any ($1)', name), ' or ')
      from unnest(array_remove(declared.key_columns[2:], declared.day_column)) as name
    ),
    'false'
  );
  perform set_config('mirror.writer', 'on', true);
  return query execute format(
    case
      when is_write then
        'with gone as (
           delete from %1$s as q
           where %2$s or %5$s ~ $3
           returning q.%4$I as shard, %2$s as is_held, %3$s as is_own
         )'
      else
        'with gone as (
           select q.%4$I as shard, %2$s as is_held, %3$s as is_own
           from %1$s as q
           where %2$s or %5$s ~ $3
         )'
    end
    || 'select count(distinct shard) filter (where is_held), count(*) filter (where is_held),
          count(*) filter (where is_own), count(*) filter (where not is_held)
        from gone',
    declared.relation, holds, own_row, declared.key_columns[1], naming
  ) using ids, mirror.shards_of(ids), mirror.mentions_of(ids);
end
$$;

-- Keys of a path that mention one of these ids in a shard that holds none: what is left to ask RTDB about.
create function mirror.keys_mentioning(asked_path text, ids text[], most integer)
returns table (parts text[])
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  declared mirror.paths;
begin
  select p.* into strict declared from mirror.paths as p where p.path = asked_path;
  return query execute format(
    'select array[%1$s]
     from %2$s as q
     where not (q.%3$I::text = any ($1) or q.%3$I::text like any ($2)) and %4$s ~ $3
     limit $4',
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
    declared.relation, declared.key_columns[1], mirror.naming_text(declared)
  ) using ids, mirror.shards_of(ids), mirror.mentions_of(ids), most;
end
$$;

-- Removes what the books have of these ids, or only counts it.
create function mirror.erase_books(ids text[], is_write boolean)
returns table (book text, entries bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  mention constant text := mirror.mentions_of(ids);
  patterns constant text[] := mirror.shards_of(ids);
  removed record;
begin
  for removed in
    select *
    from (values
      ('divergence_log', $condition$
        concat_ws(
          ',', mirror.naming_ref(b.path, b.ref, b.day), to_jsonb(b.shard), mirror.naming_key(b.path, b.key),
          b.rtdb_value, b.postgres_value, b.detail
        ) ~ $3
      $condition$),
      ('direct_writes', $condition$
        concat_ws(',', to_jsonb(b.shard), mirror.naming_key(b.path, b.key), b.old_payload, b.new_payload) ~ $3
      $condition$),
      ('suspects', $condition$
        concat_ws(',', to_jsonb(b.shard), mirror.naming_key(b.path, b.key)) ~ $3
      $condition$),
      ('readings', 'b.shard = any ($1) or b.shard like any ($2)'),
      ('client_claims', 'b.user_id = any ($1)'),
      ('identities', 'b.rtdb_user_id = any ($1) or b.app_user_id = any ($1)')
    ) as named (book, condition)
  loop
    book := removed.book;
    execute format(
      case
        when is_write
        then 'with gone as (delete from mirror.%1$I as b where %2$s returning 1) select count(*) from gone'
        else 'select count(*) from mirror.%1$I as b where %2$s'
      end,
      removed.book, removed.condition
    ) into entries using ids, patterns, mention;
    return next;
  end loop;

  -- Of these the rest stays. A backfill or a listing that has to begin anew does nothing twice.
  book := 'backfills';
  select count(*) into entries
  from mirror.backfills as b
  where concat_ws('"', b.config, b.checkpoint, b.failed, b.error) ~ mention;
  return next;
  if is_write then
    update mirror.backfills as b
    set
      config = case
        when jsonb_typeof(b.config -> 'shards') = 'array' then jsonb_set(b.config, '{shards}', (
          select coalesce(jsonb_agg(named.shard), '[]')
          from jsonb_array_elements(b.config -> 'shards') as named (shard)
          where named.shard::text !~ mention
        ))
        else b.config
      end,
      checkpoint = (
        select coalesce(jsonb_object_agg(reached.node, reached.shard), '{}')
        from jsonb_each(b.checkpoint) as reached (node, shard)
        where reached.shard::text !~ mention
      ),
      failed = (
        select coalesce(jsonb_agg(one.shard), '[]')
        from jsonb_array_elements(b.failed) as one (shard)
        where one.shard::text !~ mention
      ),
      error = case when b.error ~ mention then 'erased' else b.error end
    where concat_ws('"', b.config, b.checkpoint, b.failed, b.error) ~ mention;
  end if;
  book := 'listings';
  select count(*) into entries from mirror.listings as l where l.after_key ~ mention;
  return next;
  if is_write then
    update mirror.listings as l set after_key = null where l.after_key ~ mention;
  end if;
end
$$;

-- Which of these keys of a shard hold an id that was erased, by their places from 0: readings leave them out.
--   keys  arrays of their parts
create function mirror.erased_keys(asked_shard text, keys jsonb)
returns integer[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select array(
    select (asked.place - 1)::integer
    from jsonb_array_elements(keys) with ordinality as asked (parts, place)
    where (select mirror.erased_lengths()) is not null
      and mirror.is_erased(
        asked_shard, array(select jsonb_array_elements_text(asked.parts)), (select mirror.erased_lengths())
      )
    order by asked.place
  )
$$;

-- A shard that holds such an id is not taken up by the proof again.
create function mirror.leave_out_erased()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from mirror.erased) and mirror.is_erased(new.shard, '{}') then
    return null;
  end if;
  return new;
end
$$;

create trigger readings_without_erased
  before insert on mirror.readings
  for each row
  execute function mirror.leave_out_erased();

create trigger suspects_without_erased
  before insert on mirror.suspects
  for each row
  execute function mirror.leave_out_erased();

do $$
declare
  made regprocedure;
begin
  for made in
    select p.oid::regprocedure
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'mirror'::regnamespace
      and p.proname in (
        'await_writers', 'mentions_of', 'naming_text', 'naming_key', 'naming_ref', 'erase_rows', 'keys_mentioning',
        'erase_books', 'erased_keys', 'leave_out_erased'
      )
  loop
    execute format('revoke all on function %s from public', made);
  end loop;
end
$$;

grant execute on function mirror.erased_keys(text, jsonb)
  to quest_mirror_writer, quest_mirror_api, quest_mirror_reader;
