-- Why: a second path of RTDB is mirrored by the same rules as the first. What decides which write of a
-- leaf wins is written once, below; each mirrored table has its own function made from it, whose
-- plans the server keeps (docs/adr/0002).

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- Makes mirror.<function_name>(claims jsonb, lock_wait text), which upserts a batch of claims about
-- the rows of a table, at most one for each row, given in key order.
--
--   mirrored       the table; besides its own columns it has payload, origin, event_id, event_time,
--                  deleted_at and mirrored_at, as quest_completions has
--   key_columns    its primary key, in order; text among them in collation "C"
--   other_columns  what else a claim tells; a tombstone keeps what the row showed
--   made_on        the day on which a leaf was made, as an expression over these columns (`claim`)
--   began_on       the day on which mirroring began, as an expression: a leaf of a day up to then may
--                  have stood before its first event
create function mirror.create_apply_function(
  function_name text,
  mirrored regclass,
  key_columns text[],
  other_columns text[],
  made_on text,
  began_on text
)
returns void
language plpgsql
set search_path = ''
as $generator$
declare
  -- A claim is the state of one leaf at one version, (event_time, event_id); payload null = not there.
  -- The function answers for each claim, by its n:
  --   verdict       applied, duplicate (the row shows it), stale (the row is newer), tied (another
  --                 event of this instant brought another state), contended (see `held`), dropped
  --                 (a trigger on the table left the update out)
  --   lag_ms        from the write in RTDB until now
  --   missed_event  an event before this one did not arrive (not: the leaf is older than the mirror)
  --   row_event_id  the event that the row showed before
  --   row_payload, behind_ms  what a stale claim lost against (as evidence), and by how much
  --   before_hash, payload_hash  of a claim that did not win: the states it leads from and to, for
  --                 a gap that it may fill
  --
  -- A row that someone else has locked must not hold up all others on the connection: after
  -- lock_wait, such as '500ms', the call fails with SQLSTATE 55P03.
  template constant text := $template$
create or replace function mirror.{function}(claims jsonb, lock_wait text)
returns table (
  n integer,
  verdict text,
  lag_ms double precision,
  missed_event boolean,
  row_event_id text,
  row_payload jsonb,
  behind_ms double precision,
  before_hash text,
  payload_hash text
)
language plpgsql
set search_path = ''
as $body$
#variable_conflict use_column
begin
  perform set_config('lock_timeout', lock_wait, true);
  -- Tells the mirror's own writes from direct ones.
  perform set_config('mirror.writer', 'on', true);
  return query
  with claim as materialized (
    select c.*
    from jsonb_to_recordset(claims) as c (
      n integer,
      ref text,
      {column definitions},
      payload jsonb,
      event_id text,
      event_time timestamptz,
      before_known boolean,
      before_payload jsonb,
      settles_tie boolean,
      detail jsonb
    )
  ),
  -- Locks the rows that exist, in key order, as every writer does: no deadlocks. Under READ COMMITTED
  -- it returns what a concurrent writer left, not what the snapshot saw. Lateral, so that it is an
  -- index lookup for each claim whatever the planner thinks of the table's size. A row that someone
  -- inserts after the snapshot is not here; then the insert does nothing: contended.
  held as materialized (
    select c.n, q.*
    from claim as c
    cross join lateral (
      select q.origin, q.payload, q.event_id, q.event_time, q.mirrored_at
      from {table} as q
      where ({q.key}) = ({c.key})
      for update
    ) as q
  ),
  judged as materialized (
    select
      c.*,
      h.origin as held_origin,
      h.payload as held_payload,
      h.event_id as held_event_id,
      h.event_time as held_event_time,
      h.mirrored_at as held_mirrored_at,
      case
        when h.n is null then 'insert'
        when h.event_id = c.event_id then 'duplicate'
        when h.event_time > c.event_time then 'stale'
        when h.event_time < c.event_time then 'update'
        when h.payload is not distinct from c.payload then 'duplicate'
        when c.settles_tie then 'update'
        else 'tied'
      end as action
    from claim as c
    left join held as h using (n)
  ),
  inserted as (
    insert into {table} (
      {columns}, payload, origin, event_id, event_time, deleted_at
    )
    select
      {columns}, payload, 'rtdb', event_id, event_time,
      case when payload is null then event_time end
    from judged
    where action = 'insert'
    order by n
    -- Of the key alone: a constraint of the team's is to say that it refuses the row.
    on conflict ({key}) do nothing
    returning {key}
  ),
  updated as (
    update {table} as q
    set
      {assignments}
      payload = j.payload,
      -- A tie is settled by reading RTDB again, as a repair does.
      origin = case when j.settles_tie then 'repair' else 'rtdb' end,
      event_id = j.event_id,
      event_time = j.event_time,
      deleted_at = case when j.payload is null then j.event_time end,
      mirrored_at = clock_timestamp()
    from judged as j
    where j.action = 'update'
      and ({q.key}) = ({j.key})
    returning j.n
  ),
  settled as materialized (
    select
      claim.*,
      case
        -- The row is locked, so nobody else is in the way.
        when claim.action = 'update' and u.n is null then 'dropped'
        when claim.action = 'update' then 'applied'
        when claim.action <> 'insert' then claim.action
        when i.{first key} is null then 'contended'
        else 'applied'
      end as verdict,
      -- The write began from another state than the row shows: an event before it is missing. A row
      -- that was read (backfill, repair, a settled tie) may be ahead of the writes before the
      -- reading, and a client's row is no witness of RTDB at all.
      claim.before_known
        and not claim.settles_tie
        and claim.before_payload is distinct from claim.held_payload
        and claim.held_origin is distinct from 'client'
        and (coalesce(claim.held_origin, 'rtdb') = 'rtdb' or claim.event_time > claim.held_mirrored_at)
        as is_gap,
      -- The phone's date may be a day ahead of the server's.
      claim.held_event_time is null and ({made on}) <= ({began on}) + 1 as is_older_than_mirror
    from judged as claim
    left join inserted as i using ({key})
    left join updated as u using (n)
  ),
  -- In the same statement: afterwards the row shows nothing of the gap, and a crash in between would
  -- lose it, since the event's redelivery is only a duplicate.
  logged as (
    insert into mirror.divergence_log as log (
      ref, couple_id, date_key, quest_id, user_id, kind, cause, severity, detected_by,
      rtdb_value, postgres_value, detail, event_id, event_time
    )
    select
      ref, {log key},
      'missed_event',
      case when is_older_than_mirror then 'before_mirroring' else 'unknown' end,
      case when is_older_than_mirror then 'info' else 'warning' end,
      'trigger',
      mirror.as_evidence(before_payload),
      mirror.as_evidence(held_payload),
      detail || jsonb_build_object(
        'row_event_id', held_event_id,
        'row_origin', held_origin,
        -- What would fill the gap: writes that lead from one state to the other in between.
        'gaps', jsonb_build_array(jsonb_build_object(
          'from_hash', mirror.value_hash(held_payload),
          'from_time', coalesce(held_event_time, '-infinity'),
          'to_hash', mirror.value_hash(before_payload),
          'to_time', event_time
        ))
      ),
      event_id,
      event_time
    from settled
    where verdict = 'applied' and is_gap
    order by n
    on conflict (md5(ref), kind) where resolved_at is null do update
    set
      times_seen = log.times_seen + 1,
      last_seen_at = excluded.last_seen_at,
      -- A gap that someone should look at is not played down by one that is explained.
      cause = case when excluded.severity = 'info' then log.cause else excluded.cause end,
      severity = case when excluded.severity = 'info' then log.severity else excluded.severity end,
      rtdb_value = excluded.rtdb_value,
      postgres_value = excluded.postgres_value,
      detail = excluded.detail || mirror.few_gaps(
        coalesce(log.detail -> 'gaps', '[]') || (excluded.detail -> 'gaps'),
        coalesce((log.detail ->> 'gaps_dropped')::integer, 0)
      ),
      event_id = excluded.event_id,
      event_time = excluded.event_time
  )
  select
    n,
    verdict,
    (extract(epoch from clock_timestamp() - event_time) * 1000)::double precision as lag_ms,
    verdict = 'applied' and is_gap and not is_older_than_mirror as missed_event,
    held_event_id as row_event_id,
    case when verdict = 'stale' then mirror.as_evidence(held_payload) end as row_payload,
    case
      when verdict = 'stale'
      then (extract(epoch from held_event_time - event_time) * 1000)::double precision
    end as behind_ms,
    case when is_late then mirror.value_hash(before_payload) end as before_hash,
    case when is_late then mirror.value_hash(payload) end as payload_hash
  from settled
  cross join lateral (
    select verdict <> 'applied' and held_event_id is distinct from event_id as is_late
  ) as late;
end
$body$
  $template$;
  version_columns constant text[] :=
    '{payload,origin,event_id,event_time,deleted_at,mirrored_at}';
  columns constant text[] := key_columns || other_columns;
  relation constant text := (
    select format('%I.%I', n.nspname, c.relname)
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.oid = mirrored
  );
  primary_key constant text[] := (
    select array_agg(a.attname::text order by k.place)
    from pg_catalog.pg_index as i
    cross join unnest(i.indkey::smallint[]) with ordinality as k (attnum, place)
    join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indrelid = mirrored and i.indisprimary
  );
  lacking constant text := (
    select string_agg(wanted.name, ', ' order by wanted.place)
    from unnest(columns || version_columns) with ordinality as wanted (name, place)
    where not exists (
      select
      from pg_catalog.pg_attribute as a
      where a.attrelid = mirrored and a.attname = wanted.name and not a.attisdropped
    )
  );
  -- Byte order, as the writers sort: in any other they would lock their rows in another.
  definitions constant text := (
    select string_agg(
      concat_ws(
        ' ', quote_ident(wanted.name), format_type(a.atttypid, a.atttypmod),
        case when a.attcollation = '"C"'::regcollation then 'collate "C"' end
      ),
      ', ' order by wanted.place
    )
    from unnest(columns) with ordinality as wanted (name, place)
    join pg_catalog.pg_attribute as a on a.attrelid = mirrored and a.attname = wanted.name
  );
  assignments constant text := (
    select coalesce(string_agg(
      format('%1$I = case when j.payload is null then q.%1$I else j.%1$I end,', name),
      ' ' order by place
    ), '')
    from unnest(other_columns) with ordinality as wanted (name, place)
  );
  log_key constant text := (
    select string_agg(
      case when log.name = any (columns) then log.name else format('null::%s', log.type) end,
      ', ' order by log.place
    )
    from unnest('{couple_id,date_key,quest_id,user_id}'::text[], '{text,date,text,text}'::text[])
      with ordinality as log (name, type, place)
  );
  key_list text;
  statement text := template;
begin
  if lacking is not null then
    raise exception '% lacks columns: %', relation, lacking using errcode = 'undefined_column';
  end if;
  if primary_key is distinct from key_columns then
    raise exception 'the primary key of % is (%), not (%)',
      relation, array_to_string(primary_key, ', '), array_to_string(key_columns, ', ')
      using errcode = 'invalid_parameter_value';
  end if;
  select string_agg(quote_ident(name), ', ' order by place) into key_list
  from unnest(key_columns) with ordinality as key (name, place);

  statement := replace(statement, '{function}', quote_ident(function_name));
  statement := replace(statement, '{table}', relation);
  statement := replace(statement, '{column definitions}', definitions);
  statement := replace(statement, '{columns}', (
    select string_agg(quote_ident(name), ', ' order by place)
    from unnest(columns) with ordinality as wanted (name, place)
  ));
  statement := replace(statement, '{assignments}', assignments);
  statement := replace(statement, '{first key}', quote_ident(key_columns[1]));
  statement := replace(statement, '{key}', key_list);
  statement := replace(statement, '{q.key}', 'q.' || replace(key_list, ', ', ', q.'));
  statement := replace(statement, '{c.key}', 'c.' || replace(key_list, ', ', ', c.'));
  statement := replace(statement, '{j.key}', 'j.' || replace(key_list, ', ', ', j.'));
  statement := replace(statement, '{log key}', log_key);
  statement := replace(statement, '{made on}', made_on);
  statement := replace(statement, '{began on}', began_on);
  execute statement;
  execute format('revoke all on function mirror.%I(jsonb, text) from public', function_name);
  execute format(
    'grant execute on function mirror.%I(jsonb, text) to quest_mirror_writer', function_name
  );
end
$generator$;

revoke all on function
  mirror.create_apply_function(text, regclass, text[], text[], text, text) from public;

comment on function mirror.create_apply_function(text, regclass, text[], text[], text, text) is
  'For migrations: makes the function that decides which write of a mirrored table''s row wins.';

select mirror.create_apply_function(
  'apply_claims',
  'rtdb.quest_completions',
  key_columns => '{couple_id,date_key,quest_id,user_id}',
  other_columns => '{partner_id,completed_at}',
  made_on => 'claim.date_key',
  began_on => 'select began_on from mirror.beginning'
);
