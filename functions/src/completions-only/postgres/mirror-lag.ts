import { z } from 'zod';

/**
 * $1 from, $2 to, $3 the couple to leave out. How long events took, over the rows that Postgres took
 * in the window and that show an event: backfill, client and repair rows have no lag.
 */
export const LAG_OF_WINDOW = `
select
  count(*)::integer as row_count,
  percentile_cont(0.5) within group (order by lag_ms) as p50_ms,
  percentile_cont(0.95) within group (order by lag_ms) as p95_ms,
  percentile_cont(0.99) within group (order by lag_ms) as p99_ms,
  max(lag_ms) as max_ms
from (
  select (extract(epoch from q.mirrored_at - q.event_time) * 1000)::double precision as lag_ms
  from rtdb.quest_completions as q
  where q.mirrored_at >= $1::timestamptz
    and q.mirrored_at < $2::timestamptz
    and q.origin = 'rtdb'
    and q.event_time > '-infinity'
    and q.couple_id <> $3
) as arrival
`;

const LAG = z.object({
  row_count: z.number(),
  p50_ms: z.number().nullable(),
  p95_ms: z.number().nullable(),
  p99_ms: z.number().nullable(),
  max_ms: z.number().nullable(),
});

/** From the write in RTDB until Postgres had it, in milliseconds. */
export interface Lag {
  rows: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** Null where nothing arrived. */
export function parseLag(rows: unknown[]): Lag | null {
  const { row_count, p50_ms, p95_ms, p99_ms, max_ms } = LAG.parse(rows[0]);
  if (p50_ms === null || p95_ms === null || p99_ms === null || max_ms === null) return null;
  return {
    rows: row_count,
    p50Ms: Math.round(p50_ms),
    p95Ms: Math.round(p95_ms),
    p99Ms: Math.round(p99_ms),
    maxMs: Math.round(max_ms),
  };
}
