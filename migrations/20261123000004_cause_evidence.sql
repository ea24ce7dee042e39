-- Why: the reconciler looks up what is known of a couple's day to tell why a completion differs, and
-- people filter the log by couple. Neither may scan a log of a hundred thousand rows.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- Not concurrently: that needs to be outside of a transaction, and a hundred thousand rows take less
-- than a second. By md5: an escaped id may be longer than an index entry, and a trigger must never
-- fail by that.
-- squawk-ignore require-concurrent-index-creation
create index divergence_log_day on mirror.divergence_log (md5(couple_id), date_key);
