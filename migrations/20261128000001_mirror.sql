-- Why: the copy of RTDB, and the books of the mirror that keeps it. Schema `rtdb` has a table for each
-- mirrored path, made by a migration of its own; schema `mirror` has what proves the copy. Neither is in
-- the way of the app's own tables. Columns and meanings are a contract: docs/tables.md.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- ---------------------------------------------------------------------------------------------------
-- Who: three roles without a login. No DDL, no DELETE. Owners are not bound by row level security:
-- purge and migrations run as the owner.

do $$
declare
  mirror_role text;
begin
  foreach mirror_role in array array['quest_mirror_writer', 'quest_mirror_api', 'quest_mirror_reader'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = mirror_role) then
      begin
        execute format('create role %I nologin', mirror_role);
      exception
        -- Roles belong to the server: another database of it may be migrated at this moment.
        when duplicate_object or unique_violation then null;
      end;
    end if;
  end loop;
end
$$;

-- A schema of one of these names that has other tables is somebody else's: its grants are not ours to take.
do $$
declare
  found constant text := (
    select string_agg(format('%I.%I', n.nspname, c.relname), ', ' order by n.nspname, c.relname)
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('mirror', 'rtdb')
      and c.relkind in ('r', 'p', 'v', 'm', 'f')
      -- The migration runner's own.
      and (n.nspname <> 'mirror' or c.relname not in ('migration_lock', 'schema_migrations'))
  );
begin
  if found is not null then
    raise exception 'the mirror needs the schemas rtdb and mirror for itself, and they have: %', found
      using errcode = 'duplicate_table';
  end if;
end
$$;

-- The migration runner keeps its own table here and may have made the schema already.
create schema if not exists mirror;
create schema if not exists rtdb;

revoke all on schema mirror, rtdb from public;
revoke all on all tables in schema mirror from public;
grant usage on schema mirror, rtdb to quest_mirror_writer, quest_mirror_api, quest_mirror_reader;

-- Supabase's roles, which plain Postgres lacks.
do $$
declare
  app_role text;
begin
  foreach app_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_catalog.pg_roles where rolname = app_role) then
      execute format('revoke all on schema mirror, rtdb from %I', app_role);
      execute format('revoke all on all tables in schema mirror from %I', app_role);
    end if;
  end loop;
  if exists (select from pg_catalog.pg_roles where rolname = 'authenticated') then
    grant usage on schema rtdb to authenticated;
  end if;
end
$$;

comment on schema rtdb is 'The copy of RTDB: a table for each mirrored path.';
comment on schema mirror is 'The books of the mirror. Never exposed to the app.';

-- ---------------------------------------------------------------------------------------------------
-- Evidence: values as the books keep them.

-- A value as evidence: whole where it is small, else its size, its hash and its head. Applied to
-- what it made, it changes nothing. Types are named in full: a temporary type comes first whatever the
-- search_path, and the note of a direct write runs this with the owner's rights.
create function mirror.as_evidence(value jsonb, max_bytes integer)
returns jsonb
language sql
immutable strict parallel safe
set search_path = ''
as $$
  select case
    when octet_length(shown.text) <= max_bytes then value
    else jsonb_build_object(
      'truncated', true,
      'bytes', octet_length(shown.text),
      'sha256', encode(sha256(convert_to(shown.text, 'UTF8')), 'hex'),
      'head', left(shown.text, max_bytes / 16)
    )
  end
  -- offset: or each use of the text would make it anew.
  from (select value::pg_catalog.text offset 0) as shown (text)
$$;

create function mirror.as_evidence(value jsonb)
returns jsonb
language sql
immutable strict parallel safe
set search_path = ''
as $$
  select mirror.as_evidence(value, 12288)
$$;

-- What tells two values apart where neither is kept: 128 bits of SHA-256. The functions compute it too,
-- for values that are too large to send (functions/src/values/jsonb-text.ts).
create function mirror.value_hash(value jsonb)
returns text
language sql
immutable strict parallel safe
set search_path = ''
as $$
  select left(encode(sha256(convert_to(value::pg_catalog.text, 'UTF8')), 'hex'), 32)
$$;

-- The gaps of a missed event, as its row keeps them: the first 16, and how many more there were. A
-- row that lost some can't be resolved by events any more; a reconcile run resolves it.
create function mirror.few_gaps(gaps jsonb, dropped integer)
returns jsonb
language sql
immutable strict parallel safe
set search_path = ''
as $$
  select jsonb_build_object('gaps', coalesce(jsonb_agg(gap order by n) filter (where n <= 16), '[]'))
    || case
      when dropped + count(*) filter (where n > 16) = 0 then '{}'
      else jsonb_build_object('gaps_dropped', dropped + count(*) filter (where n > 16))
    end
  from jsonb_array_elements(gaps) with ordinality as kept (gap, n)
$$;

-- Whether an event lies in a gap of a missed event: between its two instants; or at one of them, where an
-- event of the same instant may stand on either side, if it leads from the gap's first state or to its last.
create function mirror.falls_into_gap(
  gap jsonb,
  event_time timestamptz,
  from_hash text,
  to_hash text,
  is_from_known boolean
)
returns boolean
language sql
stable parallel safe
set search_path = ''
as $$
  select case
    when event_time in (bounds.from_time, bounds.to_time) then
      is_from_known and from_hash is not distinct from gap ->> 'from_hash'
        or to_hash is not distinct from gap ->> 'to_hash'
    else event_time > bounds.from_time and event_time < bounds.to_time
  end
  from (
    select
      (gap ->> 'from_time')::pg_catalog.timestamptz,
      (gap ->> 'to_time')::pg_catalog.timestamptz
  ) as bounds (from_time, to_time)
$$;

revoke all on function mirror.as_evidence(jsonb, integer) from public;
revoke all on function mirror.as_evidence(jsonb) from public;
revoke all on function mirror.value_hash(jsonb) from public;
revoke all on function mirror.few_gaps(jsonb, integer) from public;
grant execute on function mirror.as_evidence(jsonb, integer) to quest_mirror_writer, quest_mirror_api;
grant execute on function mirror.as_evidence(jsonb) to quest_mirror_writer, quest_mirror_api;
grant execute on function mirror.value_hash(jsonb) to quest_mirror_writer, quest_mirror_api;
grant execute on function mirror.few_gaps(jsonb, integer) to quest_mirror_writer, quest_mirror_api;
revoke all on function mirror.falls_into_gap(jsonb, timestamptz, text, text, boolean) from public;
grant execute on function mirror.falls_into_gap(jsonb, timestamptz, text, text, boolean)
  to quest_mirror_writer;

-- ---------------------------------------------------------------------------------------------------
-- What is mirrored, and from where.

create table mirror.paths (
  path text not null,
  -- As the trigger has it: lp_awards/{coupleId}/{awardId}.
  ref text not null,
  -- The table, with its schema.
  relation text not null,
  -- In the order of the primary key; the first is the shard.
  key_columns text[] not null,
  -- What the declaration derives, and its types: {"amount": "integer"}.
  other_columns jsonb not null,
  -- The key column that is a date; null = none is.
  day_column text,
  -- Whose subject sees a row: columns that hold a user, or {couple}; {} = nobody.
  visible_to text[] not null,
  declaration_hash text not null,
  began_at timestamptz not null default clock_timestamp(),
  -- When its first full pass over RTDB ended: until then a leaf may be older than the mirror.
  first_pass_at timestamptz,
  -- Since when its rows may show columns of an earlier declaration; null = they follow from the payloads.
  columns_due_at timestamptz,
  removed_at timestamptz,

  constraint paths_pkey primary key (path),
  constraint paths_path_is_name check (path ~ '^[a-z][a-z0-9_]{0,39}$')
);

-- Once a path is no longer mirrored, another may have its ref.
create unique index paths_ref_once on mirror.paths (ref) where removed_at is null;

comment on table mirror.paths is 'The mirrored paths, as their migrations declare them.';

create table mirror.identity (
  is_only boolean not null default true,
  instance text not null,
  -- As events name it; `emulator` for one of those, whose ports change.
  host text not null,
  set_at timestamptz not null default clock_timestamp(),

  constraint identity_pkey primary key (is_only),
  constraint identity_is_one_row check (is_only)
);

comment on table mirror.identity is 'Which RTDB this database mirrors; set at first use.';

-- Whether that RTDB is the one that this database mirrors. The first that asks is.
create function mirror.is_own_rtdb(seen_instance text, seen_host text)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if not exists (select from mirror.identity) then
    insert into mirror.identity (instance, host) values (seen_instance, seen_host)
    on conflict do nothing;
  end if;
  return exists (
    select from mirror.identity as i where (i.instance, i.host) = (seen_instance, seen_host)
  );
end
$$;

revoke all on function mirror.is_own_rtdb(text, text) from public;
grant execute on function mirror.is_own_rtdb(text, text) to quest_mirror_writer, quest_mirror_api;

-- ---------------------------------------------------------------------------------------------------
-- Whose id is whose. An app's own users may have other ids than RTDB knows them by.

create table mirror.identities (
  rtdb_user_id text collate "C" not null,
  -- The subject of the user's token, such as Supabase's uuid. One user may have had several ids in RTDB.
  app_user_id text collate "C" not null,
  imported_at timestamptz not null default now(),

  constraint identities_pkey primary key (rtdb_user_id),
  constraint identities_ids_not_empty check (rtdb_user_id <> '' and app_user_id <> '')
);

-- Reader: the policies and the API, which know a token's subject. Covers what they ask.
create index identities_app_user on mirror.identities (app_user_id) include (rtdb_user_id);

comment on table mirror.identities is
  'RTDB''s user ids, and the ids by which the app''s own tables and tokens know the same users.';

-- The ids that rows may name the user of a token by: the subject itself, and the ids that RTDB has for that app
-- user. One way only: a subject that is an id of RTDB's stands for itself, not for its owner's other ids.
create function mirror.ids_of(subject text)
returns text[]
-- Not in SQL, as are the next ones: its plan would be made anew with every request.
language plpgsql
stable
-- Nobody else reads the table.
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return array[subject] || array(
    select i.rtdb_user_id
    from mirror.identities as i
    where i.app_user_id = subject
    order by i.rtdb_user_id
  );
end
$$;

-- The asking user's own. The claims are what PostgREST sets for a request. The subject is compared as text:
-- Firebase's ids are no UUIDs, so auth.uid() would fail. A pooled connection's leftover setting is '', hence nullif.
create function mirror.own_ids()
returns text[]
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  subject constant text := nullif(
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', ''
  );
begin
  return case when subject is null then '{}' else mirror.ids_of(subject) end;
end
$$;

-- What the shards are like that hold one of these ids: it begins a shard before `_`, or ends it after `_`. An id may hold
-- `_` itself, so a shard is never split.
create function mirror.shards_of(ids text[])
returns text[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  patterns text[] := '{}';
  id text;
begin
  foreach id in array ids loop
    id := replace(replace(replace(id, '\', '\\'), '%', '\%'), '_', '\_');
    patterns := patterns || array[id || '\_%', '%\_' || id];
  end loop;
  return patterns;
end
$$;

-- The asking user's own.
create function mirror.own_shards()
returns text[]
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return mirror.shards_of(mirror.own_ids());
end
$$;

revoke all on function mirror.shards_of(text[]) from public;
revoke all on function mirror.ids_of(text) from public;
revoke all on function mirror.own_ids() from public;
revoke all on function mirror.own_shards() from public;
grant execute on function mirror.ids_of(text) to quest_mirror_writer, quest_mirror_api;

-- ---------------------------------------------------------------------------------------------------
-- Who was erased: what holds one of these ids is not mirrored any more (`mirror erase`).

create table mirror.erased (
  -- SHA-256 of the id: it tells whether an id was erased, not which ids were.
  id_sha256 bytea not null,
  -- How many characters it has: only what is as long is hashed.
  id_length integer not null,
  erased_at timestamptz not null default clock_timestamp(),
  -- Infinity = for good.
  until timestamptz not null,

  constraint erased_pkey primary key (id_sha256)
);

comment on table mirror.erased is 'Hashes of ids that were erased, and until when what holds them is dropped.';

-- How long the ids are that were erased; null = nobody was. To be asked once a statement.
create function mirror.erased_lengths()
returns integer[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (select array_agg(distinct e.id_length) from mirror.erased as e);
end
$$;

-- Whether a key holds an id that was erased: one of its parts is that id; or its shard begins with it before `_`, or
-- ends with it after `_`.
--   lengths  of mirror.erased_lengths()
create function mirror.is_erased(shard text, other_parts text[], lengths integer[])
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  shard_length constant integer := length(shard);
  hashes bytea[];
  id_length integer;
  part text;
begin
  foreach id_length in array lengths loop
    if id_length = shard_length then
      hashes := hashes || sha256(convert_to(shard, 'UTF8'));
    elsif id_length < shard_length then
      if substr(shard, id_length + 1, 1) = '_' then
        hashes := hashes || sha256(convert_to(left(shard, id_length), 'UTF8'));
      end if;
      if substr(shard, shard_length - id_length, 1) = '_' then
        hashes := hashes || sha256(convert_to(right(shard, id_length), 'UTF8'));
      end if;
    end if;
    foreach part in array other_parts loop
      if length(part) = id_length then
        hashes := hashes || sha256(convert_to(part, 'UTF8'));
      end if;
    end loop;
  end loop;
  return hashes is not null and exists (
    select
    from mirror.erased as e
    where e.id_sha256 = any (hashes) and e.until > clock_timestamp()
  );
end
$$;

create function mirror.is_erased(shard text, other_parts text[])
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  lengths constant integer[] := mirror.erased_lengths();
begin
  return lengths is not null and mirror.is_erased(shard, other_parts, lengths);
end
$$;

revoke all on function mirror.erased_lengths() from public;
revoke all on function mirror.is_erased(text, text[], integer[]) from public;
revoke all on function mirror.is_erased(text, text[]) from public;
grant select on mirror.erased to quest_mirror_writer, quest_mirror_api, quest_mirror_reader;
grant execute on function
  mirror.erased_lengths(), mirror.is_erased(text, text[], integer[]), mirror.is_erased(text, text[])
  to quest_mirror_writer, quest_mirror_api, quest_mirror_reader;

-- ---------------------------------------------------------------------------------------------------
-- What disagreed.

create table mirror.divergence_log (
  id bigint generated always as identity,
  path text not null,
  ref text not null,
  -- The first part of the key, such as the couple; null where the ref names none.
  shard text collate "C",
  day date,
  -- By key column: {"couple_id": ..., "award_id": ...}; null where the row is about no single leaf.
  key jsonb,
  kind text not null,
  cause text not null,
  severity text not null,
  detected_by text not null,
  -- How many keys the row stands for.
  keys integer not null default 1,
  rtdb_value jsonb,
  postgres_value jsonb,
  detail jsonb,
  event_id text,
  event_time timestamptz,
  written_after timestamptz,
  written_before timestamptz,
  first_seen_at timestamptz not null default clock_timestamp(),
  last_seen_at timestamptz not null default clock_timestamp(),
  times_seen integer not null default 1,
  resolved_at timestamptz,
  resolved_by text,

  constraint divergence_log_pkey primary key (id),
  constraint divergence_log_kind_known check (kind in (
    'missing_in_postgres', 'missing_in_rtdb', 'value_mismatch', 'column_mismatch', 'invalid_payload',
    'write_rejected', 'out_of_order', 'missed_event', 'client_only', 'ancestor_overwrite',
    'foreign_user', 'value_drift'
  )),
  constraint divergence_log_cause_known check (cause in (
    'race', 'rejected', 'flag_disabled', 'before_mirroring', 'fan_out_limit',
    'direct_postgres_write', 'client_without_rtdb', 'retries_exhausted', 'ancestor_overwrite',
    'retention', 'in_flight', 'other_database', 'restored', 'unknown'
  )),
  constraint divergence_log_severity_known check (severity in ('info', 'warning', 'error')),
  constraint divergence_log_detected_by_known
    check (detected_by in ('trigger', 'reconciler', 'api', 'backfill', 'repair')),
  constraint divergence_log_resolved_by_known check (
    resolved_by in ('event', 'superseded', 'gone', 'repair', 'backfill', 'client', 'direct')
  ),
  constraint divergence_log_keys_positive check (keys >= 1),
  constraint divergence_log_times_seen_positive check (times_seen >= 1)
);

-- One open row a path, ref and kind; seen again is counted, not repeated. Also how the reconciler finds
-- the rows to resolve. md5, because a ref can be longer than an index entry may be.
create unique index divergence_log_one_open on mirror.divergence_log (md5(ref), kind, path)
  where resolved_at is null;

-- Reader: the dashboard's and the report's open divergences, newest first (read backwards).
-- By first_seen_at, which never changes: counting a repeat touches no index.
create index divergence_log_open on mirror.divergence_log (first_seen_at)
  where resolved_at is null;

-- Reader: `explain REF`, all of a leaf's history. Hash, because it has no limit on length.
create index divergence_log_ref on mirror.divergence_log using hash (ref);

-- Reader: what is known of a shard's day, to tell why a key differs; people who filter by couple. By
-- md5: an escaped id may be longer than an index entry.
create index divergence_log_day on mirror.divergence_log (md5(shard), day);

-- Reader: a refused write, to find out whether its shard has a hundred open rows of its path already.
create index divergence_log_refused on mirror.divergence_log (md5(shard), kind, path)
  where resolved_at is null and kind in ('invalid_payload', 'write_rejected', 'foreign_user');

-- Reader: the round, which explains and resolves what the triggers logged.
create index divergence_log_of_triggers on mirror.divergence_log (path, kind, id)
  where resolved_at is null and written_before is null;

-- Reader: the dashboard's divergences of the last hours, resolved ones too. Rows are appended in
-- this order and it never changes, so a BRIN of a page or two does.
create index divergence_log_first_seen on mirror.divergence_log
  using brin (first_seen_at) with (autosummarize = on, pages_per_range = 32);

-- Reader: the dashboard's counts, filters and orders. The rows themselves carry values, and are ten
-- times as wide. Nothing in it changes when a repeat is counted.
create index divergence_log_overview on mirror.divergence_log
  (kind, cause, severity, day, first_seen_at, resolved_at) include (id, path, keys);

-- Reader: the gate. What a repair, a backfill or a claim made good was lost all the same.
create index divergence_log_made_good on mirror.divergence_log (path, written_before)
  where written_before is not null and resolved_by in ('repair', 'backfill', 'client', 'direct');

-- Readers: a reading, which renews and resolves what its shard has open; the gate, which sums what a path has.
create index divergence_log_of_readings on mirror.divergence_log (path, md5(shard))
  where resolved_at is null and written_before is not null;

comment on table mirror.divergence_log is
  'Where RTDB and Postgres disagreed, or an event was refused. One open row per (path, ref, kind).';

-- The keys of a ref that its path's pattern leaves open, its trees' own names being none; of a path that is not known, all.
create function mirror.keys_of_ref(ref_path text, ref text)
returns text[]
language sql
stable
set search_path = ''
as $$
  select array(
    select place.key
    from unnest(string_to_array(ref, '/')) with ordinality as place (key, n)
    where place.key is distinct from (
      select (string_to_array(p.ref, '/'))[place.n] from mirror.paths as p where p.path = ref_path
    )
    order by place.n
  )
$$;

revoke all on function mirror.keys_of_ref(text, text) from public;
grant execute on function mirror.keys_of_ref(text, text) to quest_mirror_writer, quest_mirror_api;

-- Bounds every row of the log, from any writer: 64 KB at most (docs/tables.md). Lists that their
-- writers bound stay whole; without the gaps a missed event would look resolved. Of somebody who was erased there is none.
create function mirror.bound_divergence()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if
    tg_op = 'INSERT'
    and exists (select from mirror.erased)
    and exists (
      select
      from unnest(mirror.keys_of_ref(new.path, new.ref)) with ordinality as place (key, n)
      -- The first is the shard, which may hold an id; another may be one. A day is none.
      where mirror.is_erased(
          case when place.n = 1 then place.key else '' end,
          case when place.key is distinct from to_char(new.day, 'YYYY-MM-DD') then array[place.key] else '{}' end
        )
    )
  then
    return null;
  end if;
  new.rtdb_value := mirror.as_evidence(new.rtdb_value);
  new.postgres_value := mirror.as_evidence(new.postgres_value);
  new.event_id := left(new.event_id, 128);
  if octet_length(new.detail::text) > 8192 then
    new.detail := (
      select jsonb_object_agg(
        key,
        case when key in ('gaps', 'event_ids') then value else mirror.as_evidence(value, 1024) end
      )
      from jsonb_each(new.detail)
    );
  end if;
  return new;
end
$$;

revoke all on function mirror.bound_divergence() from public;

create trigger divergence_log_bounded
  before insert or update of rtdb_value, postgres_value, detail, event_id on mirror.divergence_log
  for each row
  execute function mirror.bound_divergence();

-- ---------------------------------------------------------------------------------------------------
-- When mirroring was not fully on.

create table mirror.coverage (
  id bigint generated always as identity,
  from_at timestamptz not null,
  -- Null while it lasts.
  to_at timestamptz,
  -- Null = all paths.
  path text,
  reason text not null,
  detail jsonb,

  constraint coverage_pkey primary key (id),
  constraint coverage_reason_known
    check (reason in ('flag_off', 'percent', 'outage', 'canary_lost', 'restored')),
  constraint coverage_times_ordered check (from_at <= to_at)
);

comment on table mirror.coverage is 'Intervals in which mirroring was not fully on.';

-- Reader: an instance that sees the flag, to find what is to be closed.
create index coverage_open on mirror.coverage (reason) where to_at is null;

-- Nobody has seen the flag on yet: until somebody does, nothing is mirrored (mirror.note_flag).
insert into mirror.coverage (from_at, reason, detail)
values (clock_timestamp(), 'flag_off', '{"by": "migrate"}');

-- The canaries: a write of the mirror's own through each path's trigger and table. Kept 30 days.
create table mirror.canaries (
  path text not null,
  written_at timestamptz not null,
  -- Null = it has not come.
  arrived_at timestamptz,
  -- From the write until Postgres had it, in milliseconds.
  lag_ms double precision,

  constraint canaries_pkey primary key (path, written_at)
);

comment on table mirror.canaries is 'Each canary that was written, and when it arrived.';

-- Rows to lock. An advisory lock can be held by any login, this by the mirror's own alone.
create table mirror.locks (
  name text not null,

  constraint locks_pkey primary key (name)
);

comment on table mirror.locks is 'What is done by one at a time locks its row here.';

-- Notes in mirror.coverage what an instance sees of the flag, or of one path's: `on`, `off` or
-- `percent`. Opens the interval of what is seen, unless one is open, and closes the other one. Safe to
-- repeat and to run twice at once.
--   noted_path    null = the flag itself, for all paths
--   seen_since    since when it may have been so
--   off_since     where this instance saw it off until now: since when. Recorded if nobody else did
--   seen_version  of Remote Config's template, 0 = of none; what is seen of an older one than was noted
--                 is late, and undoes nothing
-- An interval ends a minute after it was seen to be over: until then others may not have looked.
create function mirror.note_flag(
  noted_path text,
  seen text,
  seen_since timestamptz,
  off_since timestamptz,
  seen_version bigint,
  evidence jsonb
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  wanted text := case seen when 'off' then 'flag_off' when 'percent' then 'percent' end;
  over_at timestamptz := clock_timestamp() + interval '61 seconds';
  noted jsonb := evidence || jsonb_build_object('version', seen_version);
begin
  -- Nearly always: it is on, and nobody has noted anything else.
  if seen = 'on' and off_since is null and not exists (
    select
    from mirror.coverage as c
    where c.reason in ('flag_off', 'percent')
      and c.path is not distinct from noted_path
      and c.to_at is null
  ) then
    return;
  end if;
  -- One at a time: what follows looks before it writes.
  insert into mirror.locks (name) values ('note_flag') on conflict do nothing;
  perform from mirror.locks as l where l.name = 'note_flag' for update;
  if seen_version > 0 and exists (
    select
    from mirror.coverage as c
    where c.reason in ('flag_off', 'percent')
      and c.path is not distinct from noted_path
      and greatest(
        (c.detail ->> 'version')::bigint,
        (c.detail ->> 'over_by_version')::bigint
      ) > seen_version
  ) then
    return;
  end if;
  if off_since is not null and not exists (
    select
    from mirror.coverage as c
    where c.reason = 'flag_off'
      and c.path is not distinct from noted_path
      and coalesce(c.to_at, 'infinity') >= off_since
  ) then
    insert into mirror.coverage (from_at, to_at, path, reason, detail)
    values (off_since, greatest(off_since, over_at), noted_path, 'flag_off', noted);
  end if;
  if wanted is not null and not exists (
    select
    from mirror.coverage as c
    where c.reason = wanted
      and c.path is not distinct from noted_path
      and c.to_at is null
      and coalesce(
        (c.detail ->> 'conditions') || (c.detail ->> 'otherwise')
          = (evidence ->> 'conditions') || (evidence ->> 'otherwise'),
        true
      )
  ) then
    insert into mirror.coverage (from_at, path, reason, detail)
    values (seen_since, noted_path, wanted, noted);
  end if;
  update mirror.coverage as c
  set
    to_at = greatest(c.from_at, over_at),
    detail = coalesce(c.detail, '{}') || jsonb_build_object('over_by_version', seen_version)
  where c.reason in ('flag_off', 'percent')
    -- Another percent is another interval: who was in follows from its conditions.
    and (
      c.reason is distinct from wanted
      or (c.detail ->> 'conditions') || (c.detail ->> 'otherwise')
        <> (evidence ->> 'conditions') || (evidence ->> 'otherwise')
    )
    and c.path is not distinct from noted_path
    and c.to_at is null;
end
$$;

revoke all on function mirror.note_flag(text, text, timestamptz, timestamptz, bigint, jsonb) from public;
grant execute on function mirror.note_flag(text, text, timestamptz, timestamptz, bigint, jsonb)
  to quest_mirror_writer;

-- ---------------------------------------------------------------------------------------------------
-- Writes past the mirror.

-- The last one of each leaf. An upsert, so that a bulk change can't grow it beyond the tables it is
-- about. A TRUNCATE has one row a path, with an empty key.
create table mirror.direct_writes (
  path text not null,
  shard text collate "C",
  day date,
  key jsonb not null,
  operation text not null,
  written_by text not null,
  written_at timestamptz not null default clock_timestamp(),
  old_payload jsonb,
  new_payload jsonb,

  constraint direct_writes_operation_known
    check (operation in ('insert', 'update', 'delete', 'truncate'))
);

-- md5, because a key can be longer than an index entry may be.
create unique index direct_writes_last on mirror.direct_writes (md5(key::text), path);

-- Reader: the gate. What was written since the last readings.
create index direct_writes_written on mirror.direct_writes (path, written_at);

-- Reader: which shards somebody wrote to since the last look.
create index direct_writes_written_at on mirror.direct_writes (written_at);

comment on table mirror.direct_writes is
  'The last write of each leaf that went past the mirror, for causes of divergence.';

-- The mirror's own writers set mirror.writer to 'on' for their transaction; whoever writes without
-- it went past the mirror. Evidence, not a lock: a person who must write by hand may. Arguments of the
-- trigger: the path, its day column or '', and its key columns, the shard first. An update that changes
-- the key is two leaves' matter: one is gone, one is new. Types are named in full here and in what it
-- calls, or a writer's temporary domain would run code as the owner.
create function mirror.note_direct_write()
returns trigger
language plpgsql
-- The writer need not have rights on schema mirror.
security definer
set search_path = ''
as $$
declare
  was constant pg_catalog.jsonb := to_jsonb(old);
  now_is constant pg_catalog.jsonb := to_jsonb(new);
  key_columns constant pg_catalog.text[] := tg_argv[2:];
  is_moved constant pg_catalog.bool := exists (
    select from unnest(key_columns) as name where was -> name <> now_is -> name
  );
  ours constant pg_catalog.text[] := (
    select p.key_columns || array(select jsonb_object_keys(p.other_columns)) || array[
      'payload', 'origin', 'event_id', 'event_time', 'deleted_at', 'tie_settled', 'mirrored_at', 'client_claimed_at'
    ]
    from mirror.paths as p
    where p.path = tg_argv[0]
  );
begin
  -- Columns that a team has added are its own.
  if tg_op = 'UPDATE' and not exists (
    select from unnest(ours) as name where was -> name is distinct from now_is -> name
  ) then
    return null;
  end if;
  insert into mirror.direct_writes as last (
    path, shard, day, key, operation, written_by, old_payload, new_payload
  )
  select
    tg_argv[0],
    leaf ->> tg_argv[2],
    (leaf ->> nullif(tg_argv[1], ''))::pg_catalog.date,
    case when leaf is null then '{}' else (
      select jsonb_object_agg(name, leaf -> name) from unnest(key_columns) as name
    ) end,
    operation, session_user,
    mirror.as_evidence(old_payload),
    mirror.as_evidence(new_payload)
  from (
    select coalesce(now_is, was), lower(tg_op), was -> 'payload', now_is -> 'payload'
    where not is_moved
    union all
    select was, 'delete', was -> 'payload', null where is_moved
    union all
    select now_is, 'insert', null, now_is -> 'payload' where is_moved
  ) as written (leaf, operation, old_payload, new_payload)
  on conflict (md5(key::pg_catalog.text), path) do update
  set
    operation = excluded.operation,
    written_by = excluded.written_by,
    written_at = excluded.written_at,
    old_payload = excluded.old_payload,
    new_payload = excluded.new_payload;
  return null;
end
$$;

revoke all on function mirror.note_direct_write() from public;

-- ---------------------------------------------------------------------------------------------------
-- Who may do what with the books.

-- The writer's login serves the API and the dashboard as well, unless a team gives these one each.
grant select on mirror.direct_writes, mirror.paths to quest_mirror_writer;
grant select, insert on mirror.identity to quest_mirror_writer;
grant select, insert, update on
  mirror.canaries, mirror.coverage, mirror.divergence_log, mirror.locks
  to quest_mirror_writer;

-- A claim is compared with RTDB, and what differs is logged with its cause.
grant select on mirror.coverage, mirror.direct_writes, mirror.paths to quest_mirror_api;
grant select, insert on mirror.identity to quest_mirror_api;
grant select, insert, update on mirror.divergence_log to quest_mirror_api;

grant select on
  mirror.canaries, mirror.coverage, mirror.direct_writes, mirror.divergence_log,
  mirror.identity, mirror.paths
  to quest_mirror_reader;

-- Row level security beside the grants: a role that is granted too much by accident still sees nothing.
create function mirror.guard(guarded regclass, roles text[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  guest text;
begin
  execute format('alter table %s enable row level security', guarded);
  execute format('revoke all on %s from public', guarded);
  foreach guest in array array['anon', 'authenticated'] loop
    -- Supabase's default privileges may have given them everything, TRUNCATE included.
    if exists (select from pg_catalog.pg_roles where rolname = guest) then
      execute format('revoke all on %s from %I', guarded, guest);
    end if;
  end loop;
  foreach guest in array roles loop
    execute format('drop policy if exists %I on %s', guest, guarded);
    execute format('create policy %1$I on %2$s to %1$I using (true) with check (true)', guest, guarded);
  end loop;
end
$$;

revoke all on function mirror.guard(regclass, text[]) from public;

comment on function mirror.guard(regclass, text[]) is
  'For migrations: row level security on a table, with a policy for each of the roles.';

select mirror.guard(book::regclass, array['quest_mirror_writer', 'quest_mirror_reader'])
from unnest(array['mirror.canaries', 'mirror.locks']) as book;

-- The functions that need it run as the owner.
select mirror.guard('mirror.identities', '{}');
select mirror.guard(
  'mirror.erased', array['quest_mirror_writer', 'quest_mirror_api', 'quest_mirror_reader']
);

select mirror.guard(
  book::regclass, array['quest_mirror_writer', 'quest_mirror_api', 'quest_mirror_reader']
)
from unnest(array[
  'mirror.coverage', 'mirror.direct_writes', 'mirror.divergence_log', 'mirror.identity', 'mirror.paths'
]) as book;

-- ---------------------------------------------------------------------------------------------------
-- Views beside a path's table show what is inside its documents. They run with the caller's rights, so
-- the table's policies hold. These functions read payloads for them, which nobody checked: a value of
-- another type is null, never an error. They aren't in rtdb, where PostgREST would offer them to the app.
-- Their bodies are bound when they are made: they need no search_path, which would prevent inlining.

-- The children of a node, which RTDB shows as a list or as a map, depending on how full it is. `place` is
-- null where the key isn't a place in a list.
create function mirror.items(node jsonb)
returns table (key text, place integer, item jsonb)
language sql
immutable parallel safe
begin atomic
  select (listed.place - 1)::text, (listed.place - 1)::integer, listed.item
  from jsonb_array_elements(case jsonb_typeof(node) when 'array' then node else '[]' end)
    with ordinality as listed (item, place)
  where jsonb_typeof(listed.item) <> 'null'
  union all
  select
    mapped.key,
    case when mapped.key ~ '^(0|[1-9][0-9]{0,8})$' then mapped.key::integer end,
    mapped.value
  from jsonb_each(case jsonb_typeof(node) when 'object' then node else '{}' end) as mapped
  where jsonb_typeof(mapped.value) <> 'null';
end;

create function mirror.text_of(leaf jsonb)
returns text
language sql
immutable parallel safe
return case jsonb_typeof(leaf) when 'string' then leaf #>> '{}' end;

create function mirror.boolean_of(leaf jsonb)
returns boolean
language sql
immutable parallel safe
return case jsonb_typeof(leaf) when 'boolean' then leaf::boolean end;

create function mirror.integer_of(leaf jsonb)
returns integer
language sql
immutable parallel safe
return case
  when jsonb_typeof(leaf) <> 'number' then null
  when leaf::numeric between -2147483648 and 2147483647 and leaf::numeric % 1 = 0 then leaf::integer
end;

-- From milliseconds since 1970, as phones and RTDB's server write them: 1e11, below which they are no
-- sane time, to the end of the year 9999.
create function mirror.instant_of(leaf jsonb)
returns timestamptz
language sql
immutable parallel safe
return case
  when jsonb_typeof(leaf) <> 'number' then null
  when leaf::numeric between 1e11 and 253402300799999
  then to_timestamp((leaf::numeric / 1000)::double precision)
end;

revoke all on function mirror.items(jsonb) from public;
revoke all on function mirror.text_of(jsonb) from public;
revoke all on function mirror.boolean_of(jsonb) from public;
revoke all on function mirror.integer_of(jsonb) from public;
revoke all on function mirror.instant_of(jsonb) from public;

-- Grants a view beside a path's table to the reader and to the app's users, whom the table's policies
-- still bind. Safe to repeat, as for a role `authenticated` that is made later.
create function mirror.share_view(shared regclass)
returns void
language plpgsql
set search_path = ''
as $$
declare
  guest text;
begin
  execute format('revoke all on %s from public', shared);
  foreach guest in array array['anon', 'authenticated'] loop
    -- Supabase's default privileges may have given them everything.
    if exists (select from pg_catalog.pg_roles where rolname = guest) then
      execute format('revoke all on %s from %I', shared, guest);
    end if;
  end loop;
  foreach guest in array array['quest_mirror_reader', 'authenticated'] loop
    if exists (select from pg_catalog.pg_roles where rolname = guest) then
      execute format('grant select on %s to %I', shared, guest);
      execute format(
        'grant execute on function
           mirror.items(jsonb), mirror.text_of(jsonb), mirror.boolean_of(jsonb),
           mirror.integer_of(jsonb), mirror.instant_of(jsonb)
         to %I',
        guest
      );
    end if;
  end loop;
end
$$;

revoke all on function mirror.share_view(regclass) from public;

comment on function mirror.share_view(regclass) is
  'For migrations: grants a view beside a path''s table to the reader and to the app''s users.';

-- ---------------------------------------------------------------------------------------------------
-- What follows from a declared path: the function that decides which write of a leaf wins, policies,
-- grants, and the watch on direct writes. All of it is made again by mirror.rebuild_paths().

-- Names, each as the pattern has it, joined by commas. Column names are plain: declarations allow no others.
create function mirror.name_list(names text[], pattern text)
returns text
language sql
immutable
set search_path = ''
as $$
  select string_agg(format(pattern, name), ', ' order by place)
  from unnest(names) with ordinality as listed (name, place)
$$;

revoke all on function mirror.name_list(text[], text) from public;

-- The parts of a path's key that may be an id, but for its shard: a date is none. '' where there are none.
create function mirror.other_parts(declared mirror.paths, pattern text)
returns text
language sql
immutable
set search_path = ''
as $$
  select coalesce(
    mirror.name_list(array_remove(declared.key_columns[2:], declared.day_column), pattern), ''
  )
$$;

revoke all on function mirror.other_parts(mirror.paths, text) from public;

-- Which of these columns a table has not, joined by commas; null = it has them all.
create function mirror.lacking_columns(relation regclass, names text[])
returns text
language sql
stable
set search_path = ''
as $$
  select string_agg(wanted.name, ', ' order by wanted.place)
  from unnest(names) with ordinality as wanted (name, place)
  where not exists (
    select
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation and a.attname = wanted.name and not a.attisdropped
  )
$$;

revoke all on function mirror.lacking_columns(regclass, text[]) from public;

-- Makes mirror.apply_<path>(claims jsonb, lock_wait text, told jsonb), which upserts a batch of claims
-- about rows, at most one for each row, given in key order. `told` are the columns that the claims
-- bring, with their types: what they leave out stays as it is, and one that the table lacks, or has by
-- another type, fails every claim, so that nothing is lost until it is there.
create function mirror.build_apply_function(declared mirror.paths)
returns void
language plpgsql
set search_path = ''
as $generator$
declare
  -- A claim is the state of one leaf at one version, (event_time, event_id); payload null = not there.
  -- The function answers for each claim, by its n:
  --   verdict       applied, duplicate (the row shows it), stale (the row is newer), tied (another
  --                 event of this instant brought another state), retained (a removal beyond
  --                 retention), foreign (it comes from another RTDB), erased (its key holds the id of
  --                 somebody who was erased), contended (see `held`), dropped
  --                 (a trigger on the table left the update out)
  --   lag_ms        from the write in RTDB until now
  --   missed_event  an event before this one did not arrive (not: the leaf may be older than the mirror)
  --   row_event_id  the event that the row showed before
  --   row_payload, behind_ms  what a stale claim lost against (as evidence), and by how much
  --   before_hash, payload_hash  of a claim that did not win: the states it leads from and to, for
  --                 a gap that it may fill
  --
  -- A row that someone else has locked must not hold up all others on the connection: after
  -- lock_wait, such as '500ms', the call fails with SQLSTATE 55P03.
  --
  -- The words that open the statement are matched in functions/src/postgres.
  template constant text := $template$
create or replace function mirror.{function}(claims jsonb, lock_wait text, told jsonb)
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
  if not {function}.told <@ {column types} then
    raise exception 'table {table} lacks columns of the declaration, or has others by their names: %', (
      select string_agg(named.key || ' ' || (named.value #>> '{}'), ', ')
      from jsonb_each({function}.told) as named
      where not {column types} @> jsonb_build_object(named.key, named.value)
    ) using errcode = 'undefined_column';
  end if;
  perform set_config('lock_timeout', lock_wait, true);
  -- Tells the mirror's own writes from direct ones.
  perform set_config('mirror.writer', 'on', true);
  return query
  with claim as materialized (
    select c.*
    from jsonb_to_recordset({function}.claims) as c (
      n integer,
      ref text,
      {column definitions},
      payload jsonb,
      event_id text,
      event_time timestamptz,
      before_known boolean,
      before_payload jsonb,
      -- In place of a value that is too large to send.
      before_hash text,
      settles_tie boolean,
      -- Of a removal beyond retention: a row that no event wrote since then outlives its leaf, if it is
      -- what was removed. Else a write is still on its way, which would revive the row.
      retained_before timestamptz,
      -- Where the event comes from, as long as the instance has not learnt that it is ours.
      instance text,
      host text,
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
      select q.origin, q.payload, q.event_id, q.event_time, q.tie_settled, q.mirrored_at
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
      -- A row that was read from RTDB may be ahead of the writes before the reading.
      case
        when h.tie_settled or h.origin <> 'rtdb' then h.mirrored_at
        else '-infinity'
      end as held_read_at,
      case
        -- The first half is asked once a statement. In this statement, not before it: what waits for its lock on the
        -- table (mirror.await_writers) is seen by it.
        when
          (select mirror.erased_lengths()) is not null
          and mirror.is_erased(
            c.{claimed shard}, array[{c.others}]::text[], (select mirror.erased_lengths())
          )
        then 'erased'
        when c.instance is not null and not mirror.is_own_rtdb(c.instance, c.host) then 'foreign'
        when h.event_id = c.event_id then 'duplicate'
        when h.event_time < c.retained_before and (is_apart is not true or h.origin = 'client')
        then 'retained'
        when h.n is null then 'insert'
        when h.event_time > c.event_time then 'stale'
        when h.event_time < c.event_time then 'update'
        when h.payload is not distinct from c.payload then 'duplicate'
        when c.settles_tie then 'update'
        else 'tied'
      end as action,
      is_apart
    from claim as c
    left join held as h using (n)
    cross join lateral (
      -- Whether the write began from another state than the row shows.
      select c.before_known and case
        when c.before_hash is null then c.before_payload is distinct from h.payload
        else c.before_hash is distinct from mirror.value_hash(h.payload)
      end as is_apart
    ) as compared
  ),
  inserted as (
    insert into {table} (
      {columns}, payload, origin, event_id, event_time, deleted_at, tie_settled
    )
    select
      {claimed columns}, payload, 'rtdb', event_id, event_time,
      case when payload is null then event_time end, settles_tie
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
      origin = 'rtdb',
      event_id = j.event_id,
      event_time = j.event_time,
      deleted_at = case when j.payload is null then j.event_time end,
      tie_settled = j.settles_tie,
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
        when i.{shard} is null then 'contended'
        -- The tombstone keeps a write that is still on its way from making a row.
        when claim.retained_before is not null then 'retained'
        else 'applied'
      end as verdict,
      -- An event before it is missing. A client's row is no witness of RTDB at all.
      claim.is_apart
        and not claim.settles_tie
        and claim.held_origin is distinct from 'client'
        and claim.event_time > coalesce(claim.held_read_at, '-infinity')
        as is_gap,
      claim.held_event_time is null and {may be older} as may_be_older
    from judged as claim
    left join inserted as i on ({i.key}) = ({claim.key})
    left join updated as u on u.n = claim.n
  ),
  -- In the same statement: afterwards the row shows nothing of the gap, and a crash in between would
  -- lose it, since the event's redelivery is only a duplicate.
  logged as (
    insert into mirror.divergence_log as log (
      path, ref, shard, day, key, kind, cause, severity, detected_by,
      rtdb_value, postgres_value, detail, event_id, event_time
    )
    select
      {path}, ref, {claimed shard}, {claimed day}, {key object},
      'missed_event',
      case when may_be_older then {cause of older} else 'unknown' end,
      case when may_be_older then 'info' else 'warning' end,
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
          'to_hash', coalesce(before_hash, mirror.value_hash(before_payload)),
          'to_time', event_time
        ))
      ),
      event_id,
      event_time
    from settled
    where verdict = 'applied' and is_gap
    order by n
    on conflict (md5(ref), kind, path) where resolved_at is null do update
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
    verdict = 'applied' and is_gap and not may_be_older as missed_event,
    held_event_id as row_event_id,
    case when verdict = 'stale' then mirror.as_evidence(held_payload) end as row_payload,
    case
      when verdict = 'stale'
      then (extract(epoch from held_event_time - event_time) * 1000)::double precision
    end as behind_ms,
    case
      when is_late then coalesce(before_hash, mirror.value_hash(before_payload))
    end as before_hash,
    case when is_late then mirror.value_hash(payload) end as payload_hash
  from settled
  cross join lateral (
    select
      verdict not in ('applied', 'foreign', 'retained', 'erased')
        and held_event_id is distinct from event_id as is_late
  ) as late;
end
$body$
  $template$;
  others constant text[] := array(select jsonb_object_keys(declared.other_columns));
  columns constant text[] := declared.key_columns || others;
  relation constant regclass := declared.relation;
  lacking constant text := mirror.lacking_columns(relation, columns);
  statement text := template;
  slot record;
begin
  if lacking is not null then
    raise exception '% lacks columns: %; declare_path says what it has', relation, lacking
      using errcode = 'undefined_column';
  end if;
  -- A claim has the table's columns under names with `_` before them, which no column has: so that one
  -- may have the name of one of the claim's own fields.
  for slot in
    select *
    from (values
      ('{function}', quote_ident('apply_' || declared.path)),
      ('{path}', quote_literal(declared.path)),
      ('{table}', relation::text),
      ('{column types}', (
        select format('%L::jsonb', jsonb_object_agg(a.attname, format_type(a.atttypid, null)))
        from pg_catalog.pg_attribute as a
        where a.attrelid = relation and a.attname = any (columns)
      )),
      ('{column definitions}', (
        select string_agg(
          concat_ws(
            ' ', quote_ident('_' || wanted.name), format_type(a.atttypid, a.atttypmod),
            -- Byte order, as the writers sort: in any other they would lock their rows in another.
            case when a.attcollation = '"C"'::regcollation then 'collate "C"' end
          ),
          ', ' order by wanted.place
        )
        from unnest(columns) with ordinality as wanted (name, place)
        join pg_catalog.pg_attribute as a on a.attrelid = relation and a.attname = wanted.name
      )),
      ('{columns}', mirror.name_list(columns, '%I')),
      ('{claimed columns}', mirror.name_list(columns, '_%s')),
      -- A tombstone keeps what the row showed; so does a column of which the claims tell nothing.
      ('{assignments}', (
        select coalesce(string_agg(
          format(
            '%1$I = case when j.payload is null or not %2$I.told ? %1$L then q.%1$I else j._%1$s end,',
            name, 'apply_' || declared.path
          ),
          E'\n      ' order by place
        ), '')
        from unnest(others) with ordinality as wanted (name, place)
      )),
      ('{shard}', quote_ident(declared.key_columns[1])),
      ('{claimed shard}', '_' || declared.key_columns[1]),
      ('{key}', mirror.name_list(declared.key_columns, '%I')),
      ('{q.key}', mirror.name_list(declared.key_columns, 'q.%I')),
      ('{i.key}', mirror.name_list(declared.key_columns, 'i.%I')),
      ('{c.key}', mirror.name_list(declared.key_columns, 'c._%s')),
      ('{j.key}', mirror.name_list(declared.key_columns, 'j._%s')),
      ('{claim.key}', mirror.name_list(declared.key_columns, 'claim._%s')),
      ('{c.others}', mirror.other_parts(declared, 'c._%s')),
      ('{claimed day}', coalesce('_' || declared.day_column, 'null::date')),
      ('{key object}', format(
        'jsonb_build_object(%s)', mirror.name_list(declared.key_columns, '%1$L, _%1$s')
      )),
      -- Only a leaf of a day up to the first can have stood before the mirror; the phone's date may be a
      -- day ahead of the server's. Without a day nothing tells, until all was read once: the first event of
      -- an old leaf looks like the second of a new one.
      (
        '{cause of older}',
        case when declared.day_column is null then '''unknown''' else '''before_mirroring''' end
      ),
      ('{may be older}', (
        -- Of the path alone, so that a statement asks once and not for each claim.
        select case
          when declared.day_column is null
          then format('(select p.first_pass_at is null %s)', of_path)
          else format(
            'claim._%s <= (select (p.began_at at time zone ''UTC'')::date + 1 %s)',
            declared.day_column, of_path
          )
        end
        from format('from mirror.paths as p where p.path = %L', declared.path) as of_path
      ))
    ) as slots (name, content)
  loop
    statement := replace(statement, slot.name, slot.content);
  end loop;
  begin
    execute statement;
  exception when invalid_function_definition then
    -- Replacing can't change the columns of the result. What was granted is granted below.
    execute format('drop function mirror.%I(jsonb, text, jsonb)', 'apply_' || declared.path);
    execute statement;
  end;
  execute format(
    'revoke all on function mirror.%I(jsonb, text, jsonb) from public', 'apply_' || declared.path
  );
  execute format(
    'grant execute on function mirror.%I(jsonb, text, jsonb) to quest_mirror_writer',
    'apply_' || declared.path
  );
end
$generator$;

revoke all on function mirror.build_apply_function(mirror.paths) from public;

-- Who sees what of a path's table. "(select ...)" is evaluated once a query, not once a row.
create function mirror.build_access(declared mirror.paths)
returns void
language plpgsql
set search_path = ''
as $$
declare
  relation constant regclass := declared.relation;
  sees constant text := (
    select string_agg(
      case
        when rule <> 'couple' then format('%I = any ((select mirror.own_ids())::text[])', rule)
        else format(
          '%I like any ((select mirror.own_shards())::text[])', declared.key_columns[1]
        )
      end,
      ' or '
    )
    from unnest(declared.visible_to) as rule
  );
begin
  perform mirror.guard(relation, array['quest_mirror_writer', 'quest_mirror_reader']);
  execute format('grant select, insert, update on %s to quest_mirror_writer', relation);
  execute format('grant select on %s to quest_mirror_reader', relation);
  execute format('drop policy if exists own_live_rows on %s', relation);
  if sees is null then
    return;
  end if;
  -- To everybody, guarded by the grants, so that it does not depend on which roles exist now. A role
  -- `authenticated` that is made later gets them by mirror.rebuild_paths().
  execute format(
    'create policy own_live_rows on %s for select using (deleted_at is null and (%s))', relation, sees
  );
  if exists (select from pg_catalog.pg_roles where rolname = 'authenticated') then
    execute format('grant select on %s to authenticated', relation);
    -- For one that was made after the migrations.
    grant usage on schema rtdb to authenticated;
    grant execute on function mirror.own_ids(), mirror.own_shards() to authenticated;
  end if;
end
$$;

revoke all on function mirror.build_access(mirror.paths) from public;

create function mirror.build_watch(declared mirror.paths)
returns void
language plpgsql
set search_path = ''
as $$
declare
  arguments constant text := mirror.name_list(
    array[declared.path, coalesce(declared.day_column, '')] || declared.key_columns, '%L'
  );
begin
  execute format(
    $watch$create or replace trigger direct_write
      after insert or update or delete on %s
      for each row
      when (current_setting('mirror.writer', true) is distinct from 'on')
      execute function mirror.note_direct_write(%s)$watch$,
    declared.relation, arguments
  );
  execute format(
    $watch$create or replace trigger direct_truncate
      after truncate on %s
      for each statement
      when (current_setting('mirror.writer', true) is distinct from 'on')
      execute function mirror.note_direct_write(%s)$watch$,
    declared.relation, arguments
  );
end
$$;

revoke all on function mirror.build_watch(mirror.paths) from public;

create function mirror.build_path(declared mirror.paths)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform mirror.build_apply_function(declared);
  perform mirror.build_access(declared);
  perform mirror.build_watch(declared);
end
$$;

revoke all on function mirror.build_path(mirror.paths) from public;

-- Makes anew what follows from every declared path. A migration that changes a rule above ends with it.
create function mirror.rebuild_paths()
returns void
language plpgsql
set search_path = ''
as $$
declare
  declared mirror.paths;
begin
  for declared in select * from mirror.paths as p where p.removed_at is null order by p.path loop
    perform mirror.build_path(declared);
  end loop;
end
$$;

revoke all on function mirror.rebuild_paths() from public;

comment on function mirror.rebuild_paths() is
  'For migrations: makes anew what follows from every declared path.';

-- What tells two declarations apart. The command line computes it too (functions/src/paths).
create function mirror.declaration_hash(path text, ref text, columns text[], visible_to text[])
returns text
language sql
immutable
set search_path = ''
as $$
  select encode(sha256(convert_to(
    concat_ws(
      E'\n', path, ref,
      array_to_string(array(select name from unnest(columns) as name order by name collate "C"), ','),
      array_to_string(array(select name from unnest(visible_to) as name order by name collate "C"), ',')
    ),
    'UTF8'
  )), 'hex')
$$;

revoke all on function mirror.declaration_hash(text, text, text[], text[]) from public;

-- Declares a mirrored path, or declares it anew. Its table, rtdb.<path>, is there already.
--   ref         the trigger's pattern; its parts name the key columns: {coupleId} is couple_id
--   columns     what else a claim tells; a tombstone keeps what the row showed
--   visible_to  who sees a row: columns that hold a user's id, or {couple}: whose id begins or ends the
--               shard; {} = nobody
create function mirror.declare_path(
  path text,
  ref text,
  columns text[] default '{}',
  visible_to text[] default '{}'
)
returns void
language plpgsql
set search_path = ''
as $$
#variable_conflict use_variable
declare
  relation constant regclass := format('rtdb.%I', path);
  key_columns constant text[] := array(
    select lower(regexp_replace(part.names[1], '([a-z0-9])([A-Z])', '\1_\2', 'g'))
    from regexp_matches(ref, '\{(\w+)\}', 'g') with ordinality as part (names, place)
    order by part.place
  );
  version_columns constant text[] :=
    '{payload,origin,event_id,event_time,deleted_at,tie_settled,mirrored_at}';
  primary_key constant text[] := array(
    select a.attname::text
    from pg_catalog.pg_index as i
    cross join unnest(i.indkey::smallint[]) with ordinality as k (attnum, place)
    join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indrelid = relation and i.indisprimary
    order by k.place
  );
  lacking constant text := mirror.lacking_columns(relation, key_columns || columns || version_columns);
  misplaced constant text := (
    select string_agg(wanted.name, ', ' order by wanted.place)
    from unnest(columns) with ordinality as wanted (name, place)
    where wanted.name = any (key_columns || version_columns)
      or array_position(columns, wanted.name) < wanted.place
  );
  -- Two texts may be one value of any other type; and only these two types are sorted as the writers do.
  odd_keys constant text := (
    select string_agg(a.attname, ', ' order by a.attname)
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation
      and a.attname = any (key_columns)
      and a.atttypid <> all (array['text', 'date']::regtype[])
  );
  generated constant text := (
    select string_agg(a.attname, ', ' order by a.attname)
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation
      and a.attname = any (key_columns || columns)
      and (a.attgenerated <> '' or a.attidentity <> '')
  );
  unordered constant text := (
    select string_agg(a.attname, ', ' order by a.attname)
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation
      and a.attname = any (key_columns)
      and a.atttypid = 'text'::regtype
      and a.attcollation <> '"C"'::regcollation
  );
  unknown_viewers constant text := (
    select string_agg(viewer.rule, ', ')
    from unnest(visible_to) as viewer (rule)
    where viewer.rule <> 'couple' and viewer.rule <> all (key_columns || columns)
  );
  odd_viewers constant text := (
    select string_agg(a.attname, ', ' order by a.attname)
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation
      and a.atttypid <> 'text'::regtype
      and a.attname = any (array_replace(visible_to, 'couple', key_columns[1]))
  );
  types constant jsonb := (
    select coalesce(jsonb_object_agg(a.attname, format_type(a.atttypid, a.atttypmod)), '{}')
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation and a.attname = any (columns)
  );
  days constant text[] := array(
    select a.attname::text
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation and a.attname = any (key_columns) and a.atttypid = 'date'::regtype
    order by a.attname
  );
  declared mirror.paths;
begin
  -- A bare null in a list that is written as text isn't a column's name.
  if array_position(columns || visible_to, null) is not null then
    raise exception 'a list of % holds a null: write "null" for a column of that name', path
      using errcode = 'invalid_name';
  end if;
  if lacking is not null then
    raise exception '% lacks columns: %', relation, lacking using errcode = 'undefined_column';
  end if;
  if primary_key is distinct from key_columns then
    raise exception 'the primary key of % is (%), and its ref asks for (%)',
      relation, array_to_string(primary_key, ', '), array_to_string(key_columns, ', ')
      using errcode = 'invalid_parameter_value';
  end if;
  if misplaced is not null then
    raise exception 'columns of % names one twice, or one that is not its own: %', relation, misplaced
      using errcode = 'duplicate_column';
  end if;
  if odd_keys is not null then
    raise exception 'the key of % needs text, or a date: %', relation, odd_keys
      using errcode = 'invalid_parameter_value';
  end if;
  if cardinality(days) > 1 then
    raise exception '% can have one date in its key, not: %', relation, array_to_string(days, ', ')
      using errcode = 'invalid_parameter_value';
  end if;
  if generated is not null then
    raise exception 'a claim cannot write the generated columns of %: %', relation, generated
      using errcode = 'invalid_parameter_value';
  end if;
  if unordered is not null then
    raise exception '% needs collation "C" for: %', relation, unordered
      using errcode = 'invalid_parameter_value';
  end if;
  if exists (
    select from unnest(key_columns || columns) as name where name !~ '^[a-z][a-z0-9_]{0,61}$'
  ) then
    raise exception 'a column of % has a name that is not plain', relation
      using errcode = 'invalid_name';
  end if;
  if unknown_viewers is not null then
    raise exception 'visible_to names no column of %: %', relation, unknown_viewers
      using errcode = 'undefined_column';
  end if;
  if odd_viewers is not null then
    raise exception 'visible_to needs text in: %', odd_viewers using errcode = 'invalid_parameter_value';
  end if;
  insert into mirror.paths as known (
    path, ref, relation, key_columns, other_columns, day_column, visible_to, declaration_hash
  )
  values (
    path, ref, relation::text, key_columns, types, days[1], visible_to,
    mirror.declaration_hash(path, ref, columns, visible_to)
  )
  on conflict on constraint paths_pkey do update
  set
    ref = excluded.ref,
    relation = excluded.relation,
    key_columns = excluded.key_columns,
    other_columns = excluded.other_columns,
    day_column = excluded.day_column,
    visible_to = excluded.visible_to,
    declaration_hash = excluded.declaration_hash,
    -- Rows that are there show what the declaration before told.
    columns_due_at = case
      when known.other_columns = excluded.other_columns then known.columns_due_at
      else clock_timestamp()
    end,
    removed_at = null
  returning known.* into declared;
  perform mirror.build_path(declared);
end
$$;

revoke all on function mirror.declare_path(text, text, text[], text[]) from public;

comment on function mirror.declare_path(text, text, text[], text[]) is
  'For migrations: records a mirrored path, and makes its functions, policies, grants and triggers.';

-- ---------------------------------------------------------------------------------------------------
-- The canary's row of any path, as an event wrote it, and for how long it has been there. An age, since the
-- asker's clock may be off. With the caller's own rights.

create function mirror.canary_row(canary_path text, canary_key text[])
returns table (payload jsonb, age_ms double precision)
language plpgsql
stable
set search_path = ''
as $$
declare
  declared mirror.paths;
  -- A cast of each part: the primary key's index serves no other types.
  condition text;
begin
  select p.* into declared from mirror.paths as p where p.path = canary_path;
  if declared.path is null then
    raise exception 'no migration declares the path %', canary_path using errcode = 'undefined_table';
  end if;
  select string_agg(
    format('q.%I = $1[%s]::%s', k.name, k.place, format_type(a.atttypid, a.atttypmod)),
    ' and ' order by k.place
  )
  into condition
  from unnest(declared.key_columns) with ordinality as k (name, place)
  join pg_catalog.pg_attribute as a
    on a.attrelid = declared.relation::regclass and a.attname = k.name;
  return query execute format(
    'select q.payload, (extract(epoch from clock_timestamp() - q.mirrored_at) * 1000)::double precision
     from %s as q
     where %s and q.event_time > ''-infinity''',
    declared.relation, condition
  ) using canary_key;
end
$$;

revoke all on function mirror.canary_row(text, text[]) from public;
grant execute on function mirror.canary_row(text, text[]) to quest_mirror_writer, quest_mirror_reader;

-- ---------------------------------------------------------------------------------------------------
-- Purge, by owners alone.

-- What a purge may remove of a path, as a condition over its row q: $1 how old tombstones are, $2 for how
-- many days back clients may claim. A day more is kept, as clocks differ: a late claim would revive what
-- was deleted.
create function mirror.purgeable(declared mirror.paths)
returns text
language sql
stable
set search_path = ''
as $$
  select 'q.deleted_at < clock_timestamp() - $1' || case
    when declared.day_column is null then ' and $2 is not null'
    else format(
      ' and q.%I - (clock_timestamp() at time zone ''UTC'')::date not between -$2 - 1 and 2',
      declared.day_column
    )
  end
$$;

revoke all on function mirror.purgeable(mirror.paths) from public;

create function mirror.count_purgeable(older_than interval, claimable_days integer)
returns table (path text, tombstones bigint)
language plpgsql
set search_path = ''
as $$
declare
  declared mirror.paths;
begin
  for declared in
    select *
    from mirror.paths as p
    -- One that is no longer mirrored may have lost its table.
    where to_regclass(p.relation) is not null
    order by p.path
  loop
    path := declared.path;
    execute format(
      'select count(*) from %s as q where %s', declared.relation, mirror.purgeable(declared)
    ) into tombstones using older_than, claimable_days;
    return next;
  end loop;
end
$$;

revoke all on function mirror.count_purgeable(interval, integer) from public;

-- Removes tombstones of a path that no late write can reach any more, max_rows at most, and answers how
-- many there were. Through the mirror's own door, or each would be noted as a direct write.
create function mirror.purge_tombstones(
  purged_path text,
  older_than interval,
  claimable_days integer,
  max_rows integer
)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  declared mirror.paths;
  removed bigint;
begin
  select p.* into strict declared from mirror.paths as p where p.path = purged_path;
  perform set_config('mirror.writer', 'on', true);
  execute format(
    'with old as materialized (
       select %3$s
       from %1$s as q
       where %2$s
       order by %3$s
       limit $3
       for update skip locked
     )
     delete from %1$s as q
     using old
     where (%3$s) = (%4$s) and %2$s',
    declared.relation, mirror.purgeable(declared),
    mirror.name_list(declared.key_columns, 'q.%I'), mirror.name_list(declared.key_columns, 'old.%I')
  ) using older_than, claimable_days, max_rows;
  get diagnostics removed = row_count;
  return removed;
end
$$;

revoke all on function mirror.purge_tombstones(text, interval, integer, integer) from public;
