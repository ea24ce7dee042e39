import { z } from 'zod';

/** $1 as of when, $2 path (null = all). What is open, by kind, cause and severity; the worst first. */
export const OPEN_DIVERGENCES = `
select kind, cause, severity, count(*)::integer as open
from mirror.divergence_log
where first_seen_at <= $1::timestamptz
  and ($2::text is null or path = $2)
  and (resolved_at is null or resolved_at > $1::timestamptz)
group by kind, cause, severity
order by array_position(array['error', 'warning', 'info'], severity), open desc, kind, cause
`;

const OPEN = z.object({
  kind: z.string(),
  cause: z.string(),
  severity: z.enum(['info', 'warning', 'error']),
  open: z.number(),
});

export type OpenDivergences = z.infer<typeof OPEN>;

export function parseOpenDivergences(rows: unknown[]): OpenDivergences[] {
  return rows.map((row) => OPEN.parse(row));
}
