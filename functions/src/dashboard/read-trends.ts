import { z } from 'zod';
import { COVERAGE_REASON } from '../coverage/coverage';
import { DATABASE_CLOCK } from '../gate/rates';
import { query, type RowOf, type Statements } from '../postgres/statements';
import { instantOfMillis, millisOf } from '../values/event-time';
import { OPEN_DIVERGENCES, type OpenDivergences, REFUSALS_BY_HOUR } from './divergence-pages';
import { SPANS, type Span, type ViewQuery } from './view-query';

/** What the gate said each hour; of several paths the worst rates, which may be those of different paths. */
const RATES_BY_HOUR = query({
  text: `
select
  to_char(r.hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as hour,
  case
    when bool_or(r.verdict = 'not_ready') then 'not_ready'
    when bool_or(r.verdict = 'cannot_tell') then 'cannot_tell'
    else 'ready'
  end as verdict,
  min(r.copy_lower) as copy_lower,
  min(r.copy_upper) as copy_upper,
  min(r.mirror_lower) as mirror_lower,
  min(r.mirror_upper) as mirror_upper,
  sum(r.copy_keys)::double precision as copy_keys,
  sum(r.mirror_keys)::double precision as mirror_keys
from mirror.paths as p
join mirror.rates as r on r.path = p.path
where r.hour >= $1
  and ($2::text is null or p.path = $2)
  and (p.removed_at is null or $2::text is not null)
group by r.hour
order by r.hour
`,
  params: { since: 'timestamptz', path: 'text?' },
  row: {
    hour: z.string(),
    verdict: z.enum(['ready', 'not_ready', 'cannot_tell']),
    copyLower: z.number(),
    copyUpper: z.number(),
    mirrorLower: z.number(),
    mirrorUpper: z.number(),
    copyKeys: z.number(),
    mirrorKeys: z.number(),
  },
});

/** Intervals that touch the time since an instant, oldest first. */
const GAPS_SINCE = query({
  text: `
select
  path,
  reason,
  to_char(from_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as from_at,
  to_char(to_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as to_at
from mirror.coverage
where from_at <= clock_timestamp()
  and coalesce(to_at, 'infinity') > $1
  and ($2::text is null or path is null or path = $2)
order by from_at, id
`,
  params: { since: 'timestamptz', path: 'text?' },
  row: {
    path: z.string().nullable(),
    reason: COVERAGE_REASON,
    fromAt: z.string(),
    toAt: z.string().nullable(),
  },
});

/** Counted hours; of several paths the sums, and the lags of the slowest. Milliseconds. */
const ARRIVALS_BY_HOUR = query({
  text: `
select
  to_char(h.hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as hour,
  sum(h.live)::double precision as live,
  sum(h.tombstones)::double precision as tombstones,
  sum(h.client)::double precision as client,
  sum(h.backfill)::double precision as backfill,
  sum(h.repair)::double precision as repair,
  max(h.lag_p50_ms) as lag_p50_ms,
  max(h.lag_p95_ms) as lag_p95_ms,
  max(h.lag_p99_ms) as lag_p99_ms,
  max(h.lag_max_ms) as lag_max_ms
from mirror.paths as p
join mirror.hourly_arrivals as h on h.path = p.path
where h.hour >= $1
  and ($2::text is null or p.path = $2)
group by h.hour
order by h.hour
`,
  params: { since: 'timestamptz', path: 'text?' },
  row: {
    hour: z.string(),
    live: z.number(),
    tombstones: z.number(),
    client: z.number(),
    backfill: z.number(),
    repair: z.number(),
    lagP50Ms: z.number().nullable(),
    lagP95Ms: z.number().nullable(),
    lagP99Ms: z.number().nullable(),
    lagMaxMs: z.number().nullable(),
  },
});

/** What the charts show, oldest first. */
export interface Trends {
  window: { fromAt: string; toAt: string };
  rates: RowOf<typeof RATES_BY_HOUR>[];
  gaps: RowOf<typeof GAPS_SINCE>[];
  arrivals: RowOf<typeof ARRIVALS_BY_HOUR>[];
  refusals: RowOf<typeof REFUSALS_BY_HOUR>[];
  open: OpenDivergences[];
}

const HOUR_MS = 3_600_000;

/** Reads what the charts show of one path, or of all; the cost doesn't grow with the mirrored rows. */
export async function readTrends(
  statements: Statements,
  { span, path }: Pick<ViewQuery, 'path'> & { span: Span },
): Promise<Trends> {
  const { now: toAt } = await DATABASE_CLOCK.one(statements);
  const thisHour = Math.floor(millisOf(toAt) / HOUR_MS) * HOUR_MS;
  const fromAt = instantOfMillis(thisHour - (SPANS[span] - 1) * HOUR_MS) ?? toAt;
  const asked = { since: fromAt, path };
  const [rates, gaps, arrivals, refusals, open] = await Promise.all([
    RATES_BY_HOUR.all(statements, asked),
    GAPS_SINCE.all(statements, asked),
    ARRIVALS_BY_HOUR.all(statements, asked),
    REFUSALS_BY_HOUR.all(statements, asked),
    OPEN_DIVERGENCES.all(statements, { path }),
  ]);
  return { window: { fromAt, toAt }, rates, gaps, arrivals, refusals, open };
}
