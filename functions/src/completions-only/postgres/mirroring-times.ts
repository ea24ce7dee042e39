import { z } from 'zod';
import { COVERAGE_REASON, type CoverageInterval } from '../../coverage/coverage';

/** When mirroring of completions began (a day of UTC), and when it was not fully on, merged. */
export const MIRRORING_TIMES = `
select
  (
    select to_char(p.began_at at time zone 'UTC', 'YYYY-MM-DD')
    from mirror.paths as p
    where p.path = 'quest_completions'
  ) as began_on,
  coalesce(
    (
      select jsonb_agg(jsonb_build_object(
        'reason', gap.reason,
        'from_at', to_char(lower(gap.span) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'to_at', to_char(upper(gap.span) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
      ))
      from (
        select c.reason, unnest(range_agg(tstzrange(c.from_at, c.to_at, '[]'))) as span
        from mirror.coverage as c
        where c.path is null or c.path = 'quest_completions'
        group by c.reason
      ) as gap
    ),
    '[]'
  ) as gaps
`;

const TIMES = z.object({
  began_on: z.string(),
  gaps: z.array(
    z.object({
      reason: COVERAGE_REASON,
      from_at: z.string(),
      to_at: z.string().nullable(),
    }),
  ),
});

export interface MirroringTimes {
  /** `YYYY-MM-DD` */
  beganOn: string;
  gaps: CoverageInterval[];
}

export function parseMirroringTimes(rows: unknown[]): MirroringTimes {
  const { began_on, gaps } = TIMES.parse(rows[0]);
  return {
    beganOn: began_on,
    gaps: gaps.map(({ reason, from_at, to_at }) => ({ reason, fromAt: from_at, toAt: to_at })),
  };
}
