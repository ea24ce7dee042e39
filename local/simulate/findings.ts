import { z } from 'zod';
import type { Statements } from '../../functions/src/postgres/statements';

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

const FINDING = z.object({
  kind: z.string(),
  cause: z.string(),
  severity: z.string(),
  open: z.number(),
  resolved: z.number(),
});
const GAP = z.object({ reason: z.string(), intervals: z.number() });

/** Divergences of one kind and cause: how many stand, how many healed. */
export type FindingCount = z.infer<typeof FINDING>;

/** Intervals in which mirroring was not fully on. */
export type GapCount = z.infer<typeof GAP>;

/** What the mirror's own tables say went wrong. */
export interface Findings {
  divergences: FindingCount[];
  gaps: GapCount[];
}

export async function readFindings(statements: Statements): Promise<Findings> {
  const [divergences, gaps] = await Promise.all([
    statements.run(FINDINGS, []),
    statements.run(GAPS, []),
  ]);
  return { divergences: z.array(FINDING).parse(divergences), gaps: z.array(GAP).parse(gaps) };
}
