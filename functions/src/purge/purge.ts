import { z } from 'zod';

/** The paths whose tombstones can be purged: also those that are no longer mirrored, as long as their tables stand. */
export const PURGEABLE_PATHS = `
select p.path from mirror.paths as p where to_regclass(p.relation) is not null order by p.path
`;

/**
 * $1 how old in seconds, $2 how many at once, $3 for how many days back clients may claim, $4 path:
 * removes tombstones that no late write can reach any more (migrations/20261128000001_mirror.sql).
 */
export const PURGE_TOMBSTONES = `
select mirror.purge_tombstones(
  $4, make_interval(secs => $1::double precision), $3::integer, $2::integer
)::integer as removed
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
where ctid = any (array(
  select d.ctid
  from mirror.direct_writes as d
  where d.written_at < clock_timestamp() - make_interval(secs => $1::double precision)
  limit $2::integer
  for update skip locked
))
returning 1
`;

/** $1 how old in seconds, $2 how many at once. */
export const PURGE_CANARIES = `
delete from mirror.canaries
where (path, written_at) in (
  select c.path, c.written_at
  from mirror.canaries as c
  where c.written_at < clock_timestamp() - make_interval(secs => $1::double precision)
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

/** $1 age in seconds, $2 claimable days: how many tombstones a purge would remove, by path. */
export const COUNT_PURGEABLE_TOMBSTONES = `
select counted.path, counted.tombstones::integer as tombstones
from mirror.count_purgeable(make_interval(secs => $1::double precision), $2::integer) as counted
order by counted.path
`;

/** $1 age in seconds, $2 age of counts in days: what else a purge would remove. */
export const COUNT_PURGEABLE = `
select
  (
    select count(*)::integer
    from mirror.reconcile_shards as s
    join mirror.reconcile_runs as run on run.id = s.run_id
    where run.status = 'finished'
      and run.finished_at < clock_timestamp() - make_interval(secs => $1::double precision)
  ) as shards,
  (
    select count(*)::integer
    from mirror.direct_writes
    where written_at < clock_timestamp() - make_interval(secs => $1::double precision)
  ) as direct_writes,
  (
    select count(*)::integer
    from mirror.canaries
    where written_at < clock_timestamp() - make_interval(secs => $1::double precision)
  ) as canaries,
  (
    select count(*)::integer
    from mirror.client_claims
    where day < (clock_timestamp() at time zone 'UTC')::date - $2::integer
  ) as claim_counts
`;

/** Rows by kind, and tombstones by path. */
export interface Purged {
  tombstones: Record<string, number>;
  shards: number;
  directWrites: number;
  canaries: number;
  claimCounts: number;
}

const TOMBSTONES = z.object({ path: z.string(), tombstones: z.number() });

export function parsePurgeableTombstones(rows: unknown[]): Purged['tombstones'] {
  return Object.fromEntries(
    rows.map((row) => TOMBSTONES.parse(row)).map(({ path, tombstones }) => [path, tombstones]),
  );
}

const COUNTED = z.object({
  shards: z.number(),
  direct_writes: z.number(),
  canaries: z.number(),
  claim_counts: z.number(),
});

export function parsePurgeable(rows: unknown[]): Omit<Purged, 'tombstones'> {
  const { shards, direct_writes, canaries, claim_counts } = COUNTED.parse(rows[0]);
  return { shards, directWrites: direct_writes, canaries, claimCounts: claim_counts };
}

export function parsePurgeablePaths(rows: unknown[]): string[] {
  return rows.map((row) => z.object({ path: z.string() }).parse(row).path);
}

export function parseRemovedTombstones(rows: unknown[]): number {
  return z.object({ removed: z.number() }).parse(rows[0]).removed;
}
