import { z } from 'zod';
import type { Statements } from '../functions/src/postgres/statements';

const FINDINGS = `
select
  kind,
  cause,
  severity,
  count(*) filter (where resolved_at is null)::integer as open,
  count(*) filter (where resolved_at is not null)::integer as resolved
from mirror.divergence_log
group by kind, cause, severity
order by kind, cause, severity
`;

const GAPS = `
select reason, count(*)::integer as intervals
from mirror.coverage
where to_at is not null
group by reason
order by reason
`;

const LAG = `
select
  percentile_cont(0.5) within group (order by lag.ms) as p50_ms,
  percentile_cont(0.99) within group (order by lag.ms) as p99_ms
from rtdb.quest_completions as q
cross join lateral (
  select (extract(epoch from q.mirrored_at - q.event_time) * 1000)::double precision as ms
) as lag
where q.event_time > '-infinity'
`;

const FINDING = z.object({
  kind: z.string(),
  cause: z.string(),
  severity: z.string(),
  open: z.number(),
  resolved: z.number(),
});
const GAP = z.object({ reason: z.string(), intervals: z.number() });
const QUANTILES = z.object({ p50_ms: z.number().nullable(), p99_ms: z.number().nullable() });

/** Divergences of one kind and cause: how many stand, how many healed. */
export type FindingCount = z.infer<typeof FINDING>;

/** Intervals in which mirroring was not fully on. */
export type GapCount = z.infer<typeof GAP>;

/** What the mirror's own tables say went wrong. */
export interface Findings {
  divergences: FindingCount[];
  gaps: GapCount[];
  /** From the write in RTDB until Postgres has it, in milliseconds; null without any row. */
  lagP50Ms: number | null;
  lagP99Ms: number | null;
}

export async function readFindings(statements: Statements): Promise<Findings> {
  const [divergences, gaps, lag] = await Promise.all([
    statements.run(FINDINGS, []),
    statements.run(GAPS, []),
    statements.run(LAG, []),
  ]);
  const { p50_ms, p99_ms } = QUANTILES.parse(lag[0]);
  return {
    divergences: z.array(FINDING).parse(divergences),
    gaps: z.array(GAP).parse(gaps),
    lagP50Ms: p50_ms,
    lagP99Ms: p99_ms,
  };
}
