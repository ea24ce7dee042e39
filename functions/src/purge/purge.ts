import { z } from 'zod';
import { CLAIMABLE_DAYS } from '../paths/quest-completions/claimable-days';
import { query, type Statements } from '../postgres/statements';

/** The paths whose tombstones can be purged: also those that are not mirrored any more, while their tables stand. */
const PURGEABLE_PATHS = query({
  text: `
select p.path from mirror.paths as p where to_regclass(p.relation) is not null order by p.path
`,
  params: {},
  row: { path: z.string() },
});

/** Removes tombstones that no late write can reach any more (migrations/20261128000001_mirror.sql). */
const PURGE_TOMBSTONES = query({
  text: `
select mirror.purge_tombstones(
  $1, make_interval(secs => $2::double precision), $3::integer, $4::integer
)::integer as removed
`,
  params: {
    path: 'text',
    seconds: 'double precision',
    /** For how many days back clients may claim. */
    claimableDays: 'integer',
    atOnce: 'integer',
  },
  row: { removed: z.number() },
});

/** Writes past the mirror. */
const PURGE_DIRECT_WRITES = query({
  text: `
delete from mirror.direct_writes
where ctid = any (array(
  select d.ctid
  from mirror.direct_writes as d
  where d.written_at < clock_timestamp() - make_interval(secs => $1::double precision)
  limit $2::integer
  for update skip locked
))
returning 1
`,
  params: { seconds: 'double precision', atOnce: 'integer' },
  row: {},
});

const PURGE_CANARIES = query({
  text: `
delete from mirror.canaries
where (path, written_at) in (
  select c.path, c.written_at
  from mirror.canaries as c
  where c.written_at < clock_timestamp() - make_interval(secs => $1::double precision)
  limit $2::integer
)
returning 1
`,
  params: { seconds: 'double precision', atOnce: 'integer' },
  row: {},
});

const PURGE_RATES = query({
  text: `
delete from mirror.rates
where (path, hour) in (
  select r.path, r.hour
  from mirror.rates as r
  where r.at < clock_timestamp() - make_interval(days => $1::integer)
  limit $2::integer
)
returning 1
`,
  params: { days: 'integer', atOnce: 'integer' },
  row: {},
});

/** What came in each hour. */
const PURGE_ARRIVALS = query({
  text: `
delete from mirror.hourly_arrivals
where (path, hour) in (
  select h.path, h.hour
  from mirror.hourly_arrivals as h
  where h.hour < clock_timestamp() - make_interval(days => $1::integer)
  limit $2::integer
)
returning 1
`,
  params: { days: 'integer', atOnce: 'integer' },
  row: {},
});

/** What differed once. Seen before it was resolved: by that an index finds it. */
const PURGE_DIVERGENCES = query({
  text: `
delete from mirror.divergence_log
where id in (
  select log.id
  from mirror.divergence_log as log
  where log.resolved_at < clock_timestamp() - make_interval(days => $1::integer)
    and log.first_seen_at < clock_timestamp() - make_interval(days => $1::integer)
  limit $2::integer
)
returning 1
`,
  params: { days: 'integer', atOnce: 'integer' },
  row: {},
});

/** Hashes of ids that what comes now may hold again. */
const PURGE_ERASED = query({
  text: 'delete from mirror.erased where until < clock_timestamp() returning 1',
  params: {},
  row: {},
});

/** Claims counted a user a day, which limit that day's. */
const PURGE_CLAIM_COUNTS = query({
  text: `
delete from mirror.client_claims
where (user_id, day) in (
  select c.user_id, c.day
  from mirror.client_claims as c
  where c.day < (clock_timestamp() at time zone 'UTC')::date - $1::integer
  limit $2::integer
)
returning 1
`,
  params: { days: 'integer', atOnce: 'integer' },
  row: {},
});

/** How many tombstones a purge would remove, by path. */
const COUNT_PURGEABLE_TOMBSTONES = query({
  text: `
select counted.path, counted.tombstones::integer as tombstones
from mirror.count_purgeable(make_interval(secs => $1::double precision), $2::integer) as counted
order by counted.path
`,
  params: { seconds: 'double precision', claimableDays: 'integer' },
  row: { path: z.string(), tombstones: z.number() },
});

/** What else a purge would remove. */
const COUNT_PURGEABLE = query({
  text: `
select
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
  ) as claim_counts,
  (
    select count(*)::integer
    from mirror.rates
    where at < clock_timestamp() - make_interval(days => $3::integer)
  ) as rates,
  (
    select count(*)::integer
    from mirror.hourly_arrivals
    where hour < clock_timestamp() - make_interval(days => $4::integer)
  ) as arrivals,
  (
    select count(*)::integer
    from mirror.divergence_log
    where resolved_at < clock_timestamp() - make_interval(days => $5::integer)
      and first_seen_at < clock_timestamp() - make_interval(days => $5::integer)
  ) as divergences,
  (select count(*)::integer from mirror.erased where until < clock_timestamp()) as erased
`,
  params: {
    seconds: 'double precision',
    /** Of counts of claims. */
    days: 'integer',
    ratesDays: 'integer',
    arrivalsDays: 'integer',
    divergencesDays: 'integer',
  },
  row: {
    directWrites: z.number(),
    canaries: z.number(),
    claimCounts: z.number(),
    rates: z.number(),
    arrivals: z.number(),
    divergences: z.number(),
    erased: z.number(),
  },
});

/** Rows by kind, and tombstones by path. */
export interface Purged {
  tombstones: Record<string, number>;
  directWrites: number;
  canaries: number;
  claimCounts: number;
  /** What the gate said, by hours. */
  rates: number;
  /** What came in each hour. */
  arrivals: number;
  /** Those that are resolved. */
  divergences: number;
  /** Hashes of ids that were erased, and not for good. */
  erased: number;
}

const DAY_SECONDS = 86_400;
/** Evidence that no open question needs any more. */
const EVIDENCE_SECONDS = 30 * DAY_SECONDS;
/** Counts limit the claims of their own day. */
const CLAIM_COUNT_DAYS = 1;
/** Longer than a team takes to leave RTDB. */
const RATES_DAYS = 400;
/** The dashboard shows 30 days. */
const ARRIVALS_DAYS = 31;
/** `explain` tells a leaf's story with them; the gate and the dashboard look back a month at most. */
const DIVERGENCES_DAYS = 90;
const ROWS_AT_ONCE = 5_000;

/** What {@link purge} would remove now. */
export async function countPurgeable(
  statements: Statements,
  tombstoneDays: number,
): Promise<Purged> {
  const seconds = tombstoneDays * DAY_SECONDS;
  const asked = { seconds, claimableDays: CLAIMABLE_DAYS };
  const byPath = await COUNT_PURGEABLE_TOMBSTONES.all(statements, asked);
  const others = {
    ...{ seconds: EVIDENCE_SECONDS, days: CLAIM_COUNT_DAYS, ratesDays: RATES_DAYS },
    ...{ arrivalsDays: ARRIVALS_DAYS, divergencesDays: DIVERGENCES_DAYS },
  };
  return {
    tombstones: Object.fromEntries(byPath.map(({ path, tombstones }) => [path, tombstones])),
    ...(await COUNT_PURGEABLE.one(statements, others)),
  };
}

/**
 * Removes tombstones of that age in days, old evidence, and counts of claims that limit nothing any
 * more, by small transactions: events wait for none of them long.
 */
export async function purge(statements: Statements, tombstoneDays: number): Promise<Purged> {
  const evidence = { seconds: EVIDENCE_SECONDS, atOnce: ROWS_AT_ONCE };
  const olderThan = (days: number) => ({ days, atOnce: ROWS_AT_ONCE });
  return {
    tombstones: await purgeTombstones(statements, tombstoneDays * DAY_SECONDS),
    directWrites: await untilFew(() => PURGE_DIRECT_WRITES.run(statements, evidence)),
    canaries: await untilFew(() => PURGE_CANARIES.run(statements, evidence)),
    claimCounts: await untilFew(() =>
      PURGE_CLAIM_COUNTS.run(statements, olderThan(CLAIM_COUNT_DAYS)),
    ),
    rates: await untilFew(() => PURGE_RATES.run(statements, olderThan(RATES_DAYS))),
    arrivals: await untilFew(() => PURGE_ARRIVALS.run(statements, olderThan(ARRIVALS_DAYS))),
    divergences: await untilFew(() =>
      PURGE_DIVERGENCES.run(statements, olderThan(DIVERGENCES_DAYS)),
    ),
    erased: await PURGE_ERASED.run(statements),
  };
}

async function purgeTombstones(
  statements: Statements,
  seconds: number,
): Promise<Purged['tombstones']> {
  const removed: Purged['tombstones'] = {};
  const asked = { seconds, claimableDays: CLAIMABLE_DAYS, atOnce: ROWS_AT_ONCE };
  for (const { path } of await PURGEABLE_PATHS.all(statements)) {
    removed[path] = await untilFew(
      async () => (await PURGE_TOMBSTONES.one(statements, { path, ...asked })).removed,
    );
  }
  return removed;
}

async function untilFew(removeSome: () => Promise<number>): Promise<number> {
  let total = 0;
  for (;;) {
    const removed = await removeSome();
    total += removed;
    if (removed < ROWS_AT_ONCE) return total;
  }
}
