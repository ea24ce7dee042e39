import { z } from 'zod';
import { COVERAGE_REASON } from '../coverage/coverage';
import { type FindFirst, ruleOfDetail } from '../flag/flag-rule';
import { query, type Statements } from '../postgres/statements';
import { normalizeInstant } from '../values/event-time';
import type { Json } from '../values/json';
import type { Gap } from './gap-span';

/** An instant as jsonb shows it, normalized: instants compare as text. */
export const instant = z.string().transform((text) => normalizeInstant(text) ?? text);

const INTERVALS = z.array(
  z.object({
    reason: COVERAGE_REASON,
    from_at: instant,
    to_at: instant.nullable(),
    detail: z.custom<Json>(),
  }),
);

/**
 * When mirroring of a path was not fully on, between two instants. What says nothing but that is merged: an outage is
 * noted by each instance, once a minute. An outage that a restore made is called one in its detail.
 */
const INTERVALS_OF = query({
  text: `
with touching as (
  select
    case when c.detail -> 'restored' = 'true' then 'restored' else c.reason end as reason,
    c.from_at, c.to_at, c.detail
  from mirror.coverage as c
  where (c.path is null or c.path = $1)
    and c.from_at <= $3::timestamptz
    and coalesce(c.to_at, 'infinity') >= coalesce($2::timestamptz, '-infinity')
),
intervals as (
  select t.reason, lower(t.span) as from_at, upper(t.span) as to_at, null::jsonb as detail
  from (
    select reason, unnest(range_agg(tstzrange(from_at, to_at, '[]'))) as span
    from touching
    where reason <> 'percent'
    group by reason
  ) as t
  union all
  select reason, from_at, to_at, detail from touching where reason = 'percent'
),
newest as (
  select * from intervals order by from_at desc limit 500
)
select coalesce(jsonb_agg(to_jsonb(newest)), '[]') as intervals from newest
`,
  params: { path: 'text', from: 'timestamptz?', to: 'timestamptz' },
  row: { intervals: INTERVALS },
});

/** How conditions of Remote Config are evaluated. */
export type PrepareEvaluation = () => Promise<(conditions: readonly Json[]) => FindFirst>;

/** Intervals of a path, for one shard after another. */
export interface GapsOfPath {
  of(shard: string | null): Gap[];
}

/** Reads when a path was not fully on; of a percent it can tell whether a shard was out. */
export async function readGaps(
  span: { path: string; from: string | null; to: string },
  statements: Statements,
  prepare: PrepareEvaluation,
): Promise<GapsOfPath> {
  const { intervals } = await INTERVALS_OF.one(statements, span);
  // Remote Config's evaluator is loaded where there is a percent to be told.
  const isAsked = intervals.some(({ reason }) => reason === 'percent');
  const evaluate = isAsked ? await prepare() : null;
  const rules = intervals.map(({ reason, detail }) =>
    reason === 'percent' && evaluate !== null ? ruleOfDetail(detail, evaluate) : null,
  );
  return {
    of: (shard) =>
      intervals.map(({ reason, from_at: fromAt, to_at: toAt }, place) => {
        const isIn = shard === null ? undefined : rules[place]?.(shard);
        const isOut = reason !== 'percent' ? true : isIn === undefined ? null : !isIn;
        return { reason, fromAt, toAt, isOut };
      }),
  };
}
