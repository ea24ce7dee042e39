import { z } from 'zod';
import type { Statements } from '../functions/src/postgres/statements';
import { instant } from '../functions/src/readings/gaps';

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

/** The first is the one from the first migrate until the flag is seen on. */
const GAPS = `
select reason, to_jsonb(from_at) as from_at, to_jsonb(to_at) as to_at
from mirror.coverage
order by id
`;

const COUNTS = `
select
  (
    select count(*) from mirror.divergence_log
    where written_before is not null and resolved_by in ('event', 'superseded')
  )::integer as ended_by_events,
  (select count(*) from mirror.direct_writes where operation = 'truncate')::integer as truncations
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
const GAP = z.object({ reason: z.string(), from_at: instant, to_at: instant.nullable() });
const TALLY = z.object({ ended_by_events: z.number(), truncations: z.number() });
const QUANTILES = z.object({ p50_ms: z.number().nullable(), p99_ms: z.number().nullable() });

/** What the mirror's own tables say went wrong. */
export interface Findings {
  /** By kind and cause: how many stand, how many healed. */
  divergences: z.infer<typeof FINDING>[];
  /** Intervals in which mirroring was not fully on, but the first one, before it began. */
  gaps: { reason: string; from: string; to: string | null }[];
  /** Differences that a late event ended. */
  endedByEvents: number;
  /** Tables that were emptied past the mirror. */
  truncations: number;
  /** From the write in RTDB until Postgres has it, in milliseconds; null without any row. */
  lagP50Ms: number | null;
  lagP99Ms: number | null;
}

/** Rejects as Postgres does. */
export async function readFindings(statements: Statements): Promise<Findings> {
  const [divergences, gaps, counts, lag] = await Promise.all([
    statements.run(FINDINGS, []),
    statements.run(GAPS, []),
    statements.run(COUNTS, []),
    statements.run(LAG, []),
  ]);
  const { p50_ms, p99_ms } = QUANTILES.parse(lag[0]);
  const { ended_by_events: endedByEvents, truncations } = TALLY.parse(counts[0]);
  return {
    divergences: z.array(FINDING).parse(divergences),
    gaps: z
      .array(GAP)
      .parse(gaps)
      .slice(1)
      .map(({ reason, from_at: from, to_at: to }) => ({ reason, from, to })),
    ...{ endedByEvents, truncations, lagP50Ms: p50_ms, lagP99Ms: p99_ms },
  };
}
