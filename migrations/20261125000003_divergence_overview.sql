-- Why: the dashboard's counts, filters and orders read the whole divergence log, whose rows carry
-- values and evidence and are ten times as wide as what is asked of them.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- Nothing in it changes when a repeat is counted, so that this stays a heap-only update. Not
-- concurrently: a hundred thousand rows take less than a second.
-- squawk-ignore require-concurrent-index-creation
create index divergence_log_overview on mirror.divergence_log
  (kind, cause, severity, date_key, first_seen_at, resolved_at) include (id);
