import { z } from 'zod';
import { query, type Statements } from '../postgres/statements';
import type { GateAnswer, Obstacle, PathAnswer, PathRates } from './gate';

const count = z.number();

/**
 * What the gate said of a path. Of an hour the first answer stays: were it replaced, what was known at an instant would
 * change with the time of asking.
 */
const NOTE_RATES = query({
  text: `
insert into mirror.rates (
  path, hour, at, verdict, reasons, verified_to,
  copy_keys, copy_differing, copy_unknown, copy_lower, copy_upper,
  mirror_keys, mirror_differing, mirror_unknown, mirror_lower, mirror_upper,
  shards, unread_shards, affected_shards, oldest_full_at
)
values (
  $1, date_trunc('hour', $2::timestamptz, 'UTC'), $2::timestamptz, $3, $4::jsonb, $5::timestamptz,
  $6::bigint, $7::bigint, $8::bigint, $9::double precision, $10::double precision,
  $11::bigint, $12::bigint, $13::bigint, $14::double precision, $15::double precision,
  $16::bigint, $17::bigint, $18::bigint, $19::timestamptz
)
on conflict on constraint rates_pkey do nothing
`,
  params: {
    path: 'text',
    at: 'timestamptz',
    verdict: 'text',
    obstacles: 'jsonb',
    verifiedTo: 'timestamptz?',
    copyKeys: 'bigint',
    copyDiffering: 'bigint',
    copyUnknown: 'bigint',
    copyLower: 'double precision',
    copyUpper: 'double precision',
    mirrorKeys: 'bigint',
    mirrorDiffering: 'bigint',
    mirrorUnknown: 'bigint',
    mirrorLower: 'double precision',
    mirrorUpper: 'double precision',
    shards: 'bigint',
    unreadShards: 'bigint',
    affectedShards: 'bigint',
    oldestFullAt: 'timestamptz?',
  },
  row: {},
});

const since = z.string();
const OBSTACLES: z.ZodType<Obstacle[]> = z.array(
  z.discriminatedUnion('code', [
    z.object({ code: z.enum(['off', 'percent', 'outage']), since }),
    z.object({ code: z.literal('canaries_lost'), count, fromAt: since, toAt: since }),
    z.object({ code: z.literal('short'), since }),
    z.object({ code: z.literal('canary_silent'), newestAt: since.nullable() }),
  ]),
);

const rate = z.object({
  total: count,
  differing: count,
  unknown: count,
  lower: count,
  upper: count,
});
const KEPT = z.object({
  at: z.string(),
  verifiedTo: z.string().nullable(),
  oldestFullAt: z.string().nullable(),
  copy: rate,
  mirror: rate,
  shards: count,
  unreadShards: count,
  affectedShards: count,
  obstacles: OBSTACLES,
});

/** The newest row of each path that isn't younger than an instant; null where none was kept of a path that was there. */
const RATES_AS_OF = query({
  text: `
select
  p.path,
  case when r.path is not null then jsonb_build_object(
    'at', to_char(r.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'verifiedTo', to_char(r.verified_to at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'oldestFullAt', to_char(r.oldest_full_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'copy', jsonb_build_object(
      'total', r.copy_keys, 'differing', r.copy_differing, 'unknown', r.copy_unknown,
      'lower', r.copy_lower, 'upper', r.copy_upper
    ),
    'mirror', jsonb_build_object(
      'total', r.mirror_keys, 'differing', r.mirror_differing, 'unknown', r.mirror_unknown,
      'lower', r.mirror_lower, 'upper', r.mirror_upper
    ),
    'shards', r.shards,
    'unreadShards', r.unread_shards,
    'affectedShards', r.affected_shards,
    'obstacles', r.reasons
  ) end as rates
from mirror.paths as p
left join lateral (
  select rates.*
  from mirror.rates as rates
  where rates.path = p.path and rates.at <= $1::timestamptz
  order by rates.hour desc
  limit 1
) as r on true
where (p.removed_at is null or p.removed_at > $1::timestamptz)
  and (p.began_at <= $1::timestamptz or r.path is not null)
order by p.path
`,
  params: { asOf: 'timestamptz' },
  row: { path: z.string(), rates: KEPT.nullable() },
});

/** One clock for all who judge: none of theirs need be right. */
export const DATABASE_CLOCK = query({
  text: `
select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now
`,
  params: {},
  row: { now: z.string() },
});

/** Keeps what the gate said in `mirror.rates`: a row a path an hour. Rejects as `statements` do. */
export async function noteRates(statements: Statements, { paths }: GateAnswer): Promise<void> {
  for (const path of paths) await NOTE_RATES.run(statements, rowOf(path));
}

/**
 * What each path was judged by at an instant: the newest row that isn't younger; null = none was kept. Rejects as
 * `statements` do.
 */
export async function ratesAsOf(
  statements: Statements,
  asOf: string,
): Promise<{ path: string; rates: PathRates | null }[]> {
  const rows = await RATES_AS_OF.all(statements, { asOf });
  return rows.map(({ path, rates }) => ({ path, rates: rates && { path, ...rates } }));
}

export type RatesLogFields = ReturnType<typeof ratesLogFields>;

/** The same as one line of the log; its fields are what the metrics and alerts read (ops/). */
export function ratesLogFields(path: PathAnswer) {
  const { at, verifiedTo, verdict, reasons, copy, mirror } = path;
  return {
    path: path.path,
    verdict,
    reasons: reasons.map(({ code }) => code),
    copy_lower: copy.lower,
    copy_upper: copy.upper,
    copy_keys: copy.total,
    copy_differing: copy.differing,
    mirror_lower: mirror.lower,
    mirror_upper: mirror.upper,
    mirror_keys: mirror.total,
    mirror_differing: mirror.differing,
    verified_to: verifiedTo,
    // Null: no age is large enough.
    verified_age_s:
      verifiedTo === null ? null : Math.round((Date.parse(at) - Date.parse(verifiedTo)) / 1_000),
    unread_shards: path.unreadShards,
    affected_shards: path.affectedShards,
  };
}

function rowOf(path: PathAnswer) {
  const { copy, mirror, obstacles } = path;
  return {
    path: path.path,
    at: path.at,
    verdict: path.verdict,
    obstacles: obstacles.map((obstacle) => ({ ...obstacle })),
    verifiedTo: path.verifiedTo,
    copyKeys: copy.total,
    copyDiffering: copy.differing,
    copyUnknown: copy.unknown,
    copyLower: copy.lower,
    copyUpper: copy.upper,
    mirrorKeys: mirror.total,
    mirrorDiffering: mirror.differing,
    mirrorUnknown: mirror.unknown,
    mirrorLower: mirror.lower,
    mirrorUpper: mirror.upper,
    shards: path.shards,
    unreadShards: path.unreadShards,
    affectedShards: path.affectedShards,
    oldestFullAt: path.oldestFullAt,
  };
}
