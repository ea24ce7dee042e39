-- Why: the dashboard shows lag and arrivals over days. Asked of quest_completions that would read
-- millions of rows, or want one more index that every mirrored write pays for. So each hour that is
-- over is counted once, by the run that the reconciler makes every hour.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- Rows as they stood when the hour was counted: one that was written twice within the hour counts
-- once. Without the canary.
create table mirror.hourly_arrivals (
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
  counted_at timestamptz not null default clock_timestamp(),

  constraint hourly_arrivals_pkey primary key (hour),
  constraint hourly_arrivals_on_the_hour check (hour = date_trunc('hour', hour, 'UTC'))
);

alter table mirror.hourly_arrivals enable row level security;
revoke all on mirror.hourly_arrivals from public;
grant select, insert on mirror.hourly_arrivals to quest_mirror_writer;
create policy writer_select on mirror.hourly_arrivals
  for select to quest_mirror_writer using (true);
create policy writer_insert on mirror.hourly_arrivals
  for insert to quest_mirror_writer with check (true);

-- Reader: the dashboard's divergences of the last hours, resolved ones too. Rows are appended in
-- this order and it never changes, so a BRIN of a page or two does. Not concurrently: a hundred
-- thousand rows take less than a second.
-- squawk-ignore require-concurrent-index-creation
create index divergence_log_first_seen on mirror.divergence_log
  using brin (first_seen_at) with (autosummarize = on, pages_per_range = 32);

comment on table mirror.hourly_arrivals is
  'What Postgres took in each full hour, and how late; filled by reconcile runs for the dashboard.';
