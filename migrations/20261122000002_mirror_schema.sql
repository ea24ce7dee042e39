-- Why: the proof beside the mirror. What disagreed, what the reconciler counted, and when
-- mirroring was not fully on. Its own schema, so that no API that exposes "public" shows it.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- The migration runner keeps its own table here and may have made the schema already.
create schema if not exists mirror;

create table mirror.divergence_log (
  id bigint generated always as identity,
  ref text not null,
  couple_id text collate "C",
  date_key date,
  quest_id text collate "C",
  user_id text collate "C",
  kind text not null,
  cause text not null,
  severity text not null,
  detected_by text not null,
  rtdb_value jsonb,
  postgres_value jsonb,
  detail jsonb,
  event_id text,
  event_time timestamptz,
  -- No foreign key: evidence outlives the run that found it.
  run_id bigint,
  first_seen_at timestamptz not null default clock_timestamp(),
  last_seen_at timestamptz not null default clock_timestamp(),
  times_seen integer not null default 1,
  resolved_at timestamptz,

  constraint divergence_log_pkey primary key (id),
  constraint divergence_log_kind_known check (kind in (
    'missing_in_postgres', 'missing_in_rtdb', 'value_mismatch', 'invalid_payload',
    'write_rejected', 'out_of_order', 'missed_event', 'client_only', 'late', 'ancestor_overwrite'
  )),
  constraint divergence_log_cause_known check (cause in (
    'race', 'rejected', 'flag_disabled', 'before_mirroring', 'fan_out_limit',
    'direct_postgres_write', 'client_without_rtdb', 'retries_exhausted', 'ancestor_overwrite',
    'retention', 'in_flight', 'unknown'
  )),
  constraint divergence_log_severity_known check (severity in ('info', 'warning', 'error')),
  constraint divergence_log_detected_by_known
    check (detected_by in ('trigger', 'reconciler', 'api', 'backfill')),
  constraint divergence_log_times_seen_positive check (times_seen >= 1)
);

-- One open row a leaf and kind; seen again is counted, not repeated. Also how the reconciler finds
-- the rows to resolve. md5, because a ref can be longer than an index entry may be.
create unique index divergence_log_one_open on mirror.divergence_log (md5(ref), kind)
  where resolved_at is null;

-- Reader: the dashboard's and the report's open divergences, newest first (read backwards).
-- By first_seen_at, which never changes: counting a repeat touches no index.
create index divergence_log_open on mirror.divergence_log (first_seen_at)
  where resolved_at is null;

-- Reader: `explain REF`, all of a leaf's history. Hash, because it has no limit on length.
create index divergence_log_ref on mirror.divergence_log using hash (ref);

-- Reader: a refused write, to find out whether its couple has a hundred open rows already.
create index divergence_log_refused on mirror.divergence_log (md5(couple_id), kind)
  where resolved_at is null and kind in ('invalid_payload', 'write_rejected');

-- A value as evidence: whole where it is small, else its size, its hash and its head. Applied to
-- what it made, it changes nothing.
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
  from (select value::text offset 0) as shown (text)
$$;

create function mirror.as_evidence(value jsonb)
returns jsonb
language sql
immutable strict parallel safe
set search_path = ''
as $$
  select mirror.as_evidence(value, 12288)
$$;

-- What tells two values apart where neither is kept: 128 bits of SHA-256.
create function mirror.value_hash(value jsonb)
returns text
language sql
immutable strict parallel safe
set search_path = ''
as $$
  select left(encode(sha256(convert_to(value::text, 'UTF8')), 'hex'), 32)
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

-- Bounds every row of the log, from any writer: 64 KB at most (docs/tables.md). Lists that their
-- writers bound stay whole; without the gaps a missed event would look resolved.
create function mirror.bound_divergence()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
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

create trigger divergence_log_bounded
  before insert or update of rtdb_value, postgres_value, detail, event_id on mirror.divergence_log
  for each row
  execute function mirror.bound_divergence();

revoke all on function mirror.as_evidence(jsonb, integer) from public;
revoke all on function mirror.as_evidence(jsonb) from public;
revoke all on function mirror.value_hash(jsonb) from public;
revoke all on function mirror.few_gaps(jsonb, integer) from public;
revoke all on function mirror.bound_divergence() from public;

create table mirror.reconcile_runs (
  id bigint generated always as identity,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  status text not null default 'running',
  from_date date not null,
  to_date date not null,
  couples integer not null default 0,
  matched integer not null default 0,
  missing_in_postgres integer not null default 0,
  missing_in_rtdb integer not null default 0,
  value_mismatch integer not null default 0,
  in_flight integer not null default 0,
  -- Null when nothing was compared: an empty run proves nothing.
  consistency numeric,
  rtdb_ms integer not null default 0,
  postgres_ms integer not null default 0,
  checkpoint jsonb,
  error text,
  config jsonb not null default '{}',

  -- The only index: at one run an hour a scan of this table stays cheap for years.
  constraint reconcile_runs_pkey primary key (id),
  constraint reconcile_runs_status_known check (status in ('running', 'finished', 'failed')),
  constraint reconcile_runs_dates_ordered check (from_date <= to_date),
  constraint reconcile_runs_ended_has_time check ((status = 'running') = (finished_at is null)),
  constraint reconcile_runs_consistency_is_ratio check (consistency between 0 and 1)
);

create table mirror.coverage (
  id bigint generated always as identity,
  from_at timestamptz not null,
  -- Null while it lasts.
  to_at timestamptz,
  reason text not null,
  detail jsonb,

  constraint coverage_pkey primary key (id),
  constraint coverage_reason_known
    check (reason in ('flag_off', 'percent', 'outage', 'canary_lost')),
  constraint coverage_times_ordered check (from_at <= to_at)
);

alter table mirror.divergence_log enable row level security;
alter table mirror.reconcile_runs enable row level security;
alter table mirror.coverage enable row level security;

comment on schema mirror is 'Evidence about rtdb.quest_completions. Never exposed to the app.';
comment on table mirror.divergence_log is
  'Where RTDB and Postgres disagreed, or an event was refused. One open row per (ref, kind).';
comment on table mirror.reconcile_runs is 'What each comparison of both sides counted.';
comment on table mirror.coverage is 'Intervals in which mirroring was not fully on.';
