import { z } from 'zod';

/** How far back a run fills in hours that no run has counted yet. */
const COUNTED_HOURS_BACK = 48;

/**
 * $1 how many hours back. Full hours that are not counted yet, newest first; over for a minute, so that
 * what was written in them is committed.
 */
export const HOURS_NOT_COUNTED = `
select to_char(past.hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as hour
from generate_series(
  date_trunc('hour', clock_timestamp() - interval '1 minute', 'UTC') - make_interval(hours => $1::integer),
  date_trunc('hour', clock_timestamp() - interval '1 minute', 'UTC') - interval '1 hour',
  interval '1 hour'
) as past (hour)
where not exists (
  select from mirror.hourly_arrivals as counted where counted.hour = past.hour
)
order by past.hour desc
`;

/** $1 hour, $2 the couple to leave out. Counts that hour; whoever comes second changes nothing. */
export const COUNT_HOUR = `
insert into mirror.hourly_arrivals (
  hour, live, tombstones, client, backfill, repair,
  lag_p50_ms, lag_p95_ms, lag_p99_ms, lag_max_ms
)
select
  $1::timestamptz,
  count(*) filter (where arrival.origin = 'rtdb' and arrival.deleted_at is null),
  count(*) filter (where arrival.origin = 'rtdb' and arrival.deleted_at is not null),
  count(*) filter (where arrival.origin = 'client'),
  count(*) filter (where arrival.origin = 'backfill'),
  count(*) filter (where arrival.origin = 'repair'),
  percentile_cont(0.5) within group (order by arrival.lag_ms),
  percentile_cont(0.95) within group (order by arrival.lag_ms),
  percentile_cont(0.99) within group (order by arrival.lag_ms),
  max(arrival.lag_ms)
from (
  select
    q.origin,
    q.deleted_at,
    case
      when q.origin = 'rtdb' and q.event_time > '-infinity'
      then (extract(epoch from q.mirrored_at - q.event_time) * 1000)::double precision
    end as lag_ms
  from rtdb.quest_completions as q
  where q.mirrored_at >= $1::timestamptz
    and q.mirrored_at < $1::timestamptz + interval '1 hour'
    and q.couple_id <> $2
) as arrival
on conflict (hour) do nothing
`;

/** $1 since when. Counted hours, oldest first. */
export const HOURS_COUNTED = `
select
  to_char(counted.hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as hour,
  counted.live,
  counted.tombstones,
  counted.client,
  counted.backfill,
  counted.repair,
  counted.lag_p50_ms,
  counted.lag_p95_ms,
  counted.lag_p99_ms,
  counted.lag_max_ms
from mirror.hourly_arrivals as counted
where counted.hour >= $1::timestamptz
order by counted.hour
`;

/**
 * $1 hour, $2 the couple to leave out, $3 how many rows at most. An hour that no run has counted yet,
 * by the first rows of it that are found: the same figures, bounded.
 */
export const HOUR_SAMPLED = `
select
  to_char($1::timestamptz at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as hour,
  (count(*) filter (where arrival.origin = 'rtdb' and arrival.deleted_at is null))::integer
    as live,
  (count(*) filter (where arrival.origin = 'rtdb' and arrival.deleted_at is not null))::integer
    as tombstones,
  (count(*) filter (where arrival.origin = 'client'))::integer as client,
  (count(*) filter (where arrival.origin = 'backfill'))::integer as backfill,
  (count(*) filter (where arrival.origin = 'repair'))::integer as repair,
  percentile_cont(0.5) within group (order by arrival.lag_ms) as lag_p50_ms,
  percentile_cont(0.95) within group (order by arrival.lag_ms) as lag_p95_ms,
  percentile_cont(0.99) within group (order by arrival.lag_ms) as lag_p99_ms,
  max(arrival.lag_ms) as lag_max_ms
from (
  select
    q.origin,
    q.deleted_at,
    case
      when q.origin = 'rtdb' and q.event_time > '-infinity'
      then (extract(epoch from q.mirrored_at - q.event_time) * 1000)::double precision
    end as lag_ms
  from rtdb.quest_completions as q
  where q.mirrored_at >= $1::timestamptz
    and q.mirrored_at < $1::timestamptz + interval '1 hour'
    and q.couple_id <> $2
  limit $3::integer
) as arrival
`;

/** The parameter of HOURS_NOT_COUNTED. */
export function hoursNotCountedValues(): unknown[] {
  return [COUNTED_HOURS_BACK];
}

export function parseHours(rows: unknown[]): string[] {
  return rows.map((row) => z.object({ hour: z.string() }).parse(row).hour);
}

const ARRIVALS = z.object({
  hour: z.string(),
  live: z.number(),
  tombstones: z.number(),
  client: z.number(),
  backfill: z.number(),
  repair: z.number(),
  lag_p50_ms: z.number().nullable(),
  lag_p95_ms: z.number().nullable(),
  lag_p99_ms: z.number().nullable(),
  lag_max_ms: z.number().nullable(),
});

/** What Postgres took in one hour; lags in milliseconds, null where no event arrived. */
export interface HourlyArrivals {
  /** A normalized instant. */
  hour: string;
  live: number;
  tombstones: number;
  client: number;
  backfill: number;
  repair: number;
  p50Ms: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
  maxMs: number | null;
}

export function parseArrivals(rows: unknown[]): HourlyArrivals[] {
  return rows.map((row) => {
    const { lag_p50_ms, lag_p95_ms, lag_p99_ms, lag_max_ms, ...counts } = ARRIVALS.parse(row);
    const lags = { p50Ms: lag_p50_ms, p95Ms: lag_p95_ms, p99Ms: lag_p99_ms, maxMs: lag_max_ms };
    return { ...counts, ...lags };
  });
}
