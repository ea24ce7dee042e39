import { z } from 'zod';

/**
 * Removes tombstones that no late write can reach any more: $1 how old in seconds, $2 how many at
 * once, $3 for how many days back clients may claim (a day more is kept, as clocks differ). Through the mirror's own door, or each would be noted as a direct write.
 */
export const PURGE_TOMBSTONES = `
with settings as materialized (
  select set_config('mirror.writer', 'on', true)
),
old as materialized (
  select q.couple_id, q.date_key, q.quest_id, q.user_id
  from rtdb.quest_completions as q, settings
  where q.deleted_at < clock_timestamp() - make_interval(secs => $1::double precision)
    and q.date_key - (clock_timestamp() at time zone 'UTC')::date not between -$3::integer - 1 and 2
  order by q.couple_id, q.date_key, q.quest_id, q.user_id
  limit $2::integer
  for update of q skip locked
)
delete from rtdb.quest_completions as q
using old
where (q.couple_id, q.date_key, q.quest_id, q.user_id)
    = (old.couple_id, old.date_key, old.quest_id, old.user_id)
  and q.deleted_at < clock_timestamp() - make_interval(secs => $1::double precision)
returning 1
`;

/** $1 how old in seconds, $2 how many at once: parts of runs, whose sums the runs keep. */
export const PURGE_SHARDS = `
delete from mirror.reconcile_shards
where (run_id, shard) in (
  select s.run_id, s.shard
  from mirror.reconcile_shards as s
  join mirror.reconcile_runs as run on run.id = s.run_id
  where run.status = 'finished'
    and run.finished_at < clock_timestamp() - make_interval(secs => $1::double precision)
  limit $2::integer
)
returning 1
`;

/** $1 how old in seconds, $2 how many at once: writes past the mirror. */
export const PURGE_DIRECT_WRITES = `
delete from mirror.direct_writes
where (couple_id, date_key, quest_id, user_id) in (
  select d.couple_id, d.date_key, d.quest_id, d.user_id
  from mirror.direct_writes as d
  where d.written_at < clock_timestamp() - make_interval(secs => $1::double precision)
  limit $2::integer
)
returning 1
`;

/** $1 how many days old, $2 how many at once: claims counted a user a day, which limit that day's. */
export const PURGE_CLAIM_COUNTS = `
delete from mirror.client_claims
where (user_id, day) in (
  select c.user_id, c.day
  from mirror.client_claims as c
  where c.day < (clock_timestamp() at time zone 'UTC')::date - $1::integer
  limit $2::integer
)
returning 1
`;

/**
 * $1 age of tombstones and $2 of the rest, in seconds, $3 claimable days, $4 age of counts in days:
 * what a purge would remove.
 */
export const COUNT_PURGEABLE = `
select
  (
    select count(*)::integer
    from rtdb.quest_completions
    where deleted_at < clock_timestamp() - make_interval(secs => $1::double precision)
      and date_key - (clock_timestamp() at time zone 'UTC')::date not between -$3::integer - 1 and 2
  ) as tombstones,
  (
    select count(*)::integer
    from mirror.reconcile_shards as s
    join mirror.reconcile_runs as run on run.id = s.run_id
    where run.status = 'finished'
      and run.finished_at < clock_timestamp() - make_interval(secs => $2::double precision)
  ) as shards,
  (
    select count(*)::integer
    from mirror.direct_writes
    where written_at < clock_timestamp() - make_interval(secs => $2::double precision)
  ) as direct_writes,
  (
    select count(*)::integer
    from mirror.client_claims
    where day < (clock_timestamp() at time zone 'UTC')::date - $4::integer
  ) as claim_counts
`;

const COUNTED = z.object({
  tombstones: z.number(),
  shards: z.number(),
  direct_writes: z.number(),
  claim_counts: z.number(),
});

export interface Purged {
  tombstones: number;
  shards: number;
  directWrites: number;
  claimCounts: number;
}

export function parsePurgeable(rows: unknown[]): Purged {
  const { tombstones, shards, direct_writes, claim_counts } = COUNTED.parse(rows[0]);
  return { tombstones, shards, directWrites: direct_writes, claimCounts: claim_counts };
}
