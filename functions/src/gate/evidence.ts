import { z } from 'zod';
import { COVERAGE_REASON } from '../coverage/coverage';
import { CAUSE_NAMES, type Cause, KIND_NAMES, type Kind } from '../divergences/vocabulary';
import { CANARY_COUPLE, CANARY_DAY } from '../paths/quest-completions/canary-couple';
import { query, type Statements } from '../postgres/statements';
import type { ProofTimes } from '../readings/proof-times';
import { type CanaryWord, wordOfCanaries } from './canaries';
import type { RateEvidence } from './rate';

/** An interval in which a path was not fully mirrored. */
export interface Gap {
  reason: z.infer<typeof COVERAGE_REASON>;
  fromAt: string;
  /** Null while it lasts. */
  toAt: string | null;
}

/** Differences of one kind and cause. */
export interface CauseTally {
  kind: Kind;
  cause: Cause;
  /** Keys on which the stores differ now. */
  open: number;
  /** Keys that were lost in the window. */
  lost: number;
}

/** What both stores say of one path. Instants are normalized, of the database's clock. */
export interface PathEvidence {
  path: string;
  at: string;
  beganAt: string;
  /** Since when 999 of 1,000 shards that can be read have been read whole; null = nobody knows. */
  verifiedTo: string | null;
  shards: number;
  /** Not read since then, or not readable. */
  unreadShards: number;
  failedShards: number;
  /** Read, but not in full for too long. */
  oldFullShards: number;
  /** One of those that can't be read, and why. */
  failedShard: string | null;
  failedError: string | null;
  /** With something that differs, or was lost in the window. */
  affectedShards: number;
  /** The full reading that is longest ago. */
  oldestFullAt: string | null;
  copy: RateEvidence;
  mirror: RateEvidence;
  causes: readonly CauseTally[];
  /** Those that touch the window, oldest first. */
  gaps: readonly Gap[];
  canaries: CanaryWord;
}

const count = z.number();
const tally = { total: count, differing: count, unknown: count };
const rateEvidence = z.object({
  ...tally,
  groups: z.array(z.object({ shard: z.string().nullable(), shards: count, ...tally })),
});

/** What the readings say of one path: `migrations/20261128000011_rates.sql`. */
const READINGS_EVIDENCE = query({
  text: `
select
  to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at,
  to_char(e.began_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as began_at,
  to_char(e.verified_to at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as verified_to,
  e.shards::double precision as shards,
  e.unread_shards::double precision as unread_shards,
  e.failed_shards::double precision as failed_shards,
  e.old_full_shards::double precision as old_full_shards,
  e.failed_shard,
  e.failed_error,
  e.affected_shards::double precision as affected_shards,
  to_char(e.oldest_full_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as oldest_full_at,
  e.copy_rate,
  e.mirror_rate,
  e.causes
from mirror.gate_evidence(
  $1, $2, $3::text[],
  make_interval(secs => $4::double precision),
  make_interval(secs => $5::double precision),
  make_interval(secs => $6::double precision)
) as e
`,
  params: {
    path: 'text',
    shard: 'text?',
    canaryShards: 'text[]',
    windowSeconds: 'double precision',
    newSeconds: 'double precision',
    fullSeconds: 'double precision',
  },
  row: {
    at: z.string(),
    beganAt: z.string(),
    verifiedTo: z.string().nullable(),
    shards: count,
    unreadShards: count,
    failedShards: count,
    oldFullShards: count,
    failedShard: z.string().nullable(),
    failedError: z.string().nullable(),
    affectedShards: count,
    oldestFullAt: z.string().nullable(),
    copyRate: rateEvidence,
    mirrorRate: rateEvidence,
    causes: z.array(
      z.object({ kind: z.enum(KIND_NAMES), cause: z.enum(CAUSE_NAMES), open: count, lost: count }),
    ),
  },
});

/** The paths that are mirrored, and whether each has a day. */
const DECLARED_PATHS = query({
  text: `
select path, day_column is not null as is_dated
from mirror.paths
where removed_at is null
order by path
`,
  params: {},
  row: { path: z.string(), isDated: z.boolean() },
});

/** Intervals that touch the window; those of all paths have none. */
const GAPS_OF_WINDOW = query({
  text: `
select
  path,
  reason,
  to_char(from_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as from_at,
  to_char(to_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as to_at
from mirror.coverage
where from_at <= clock_timestamp()
  and coalesce(to_at, 'infinity') > clock_timestamp() - make_interval(secs => $1::double precision)
order by from_at, id
`,
  params: { windowSeconds: 'double precision' },
  row: {
    path: z.string().nullable(),
    reason: COVERAGE_REASON,
    fromAt: z.string(),
    toAt: z.string().nullable(),
  },
});

/** Canaries of the window, oldest first, but those that were written while mirroring was off. */
const CANARIES_OF_WINDOW = query({
  text: `
select
  c.path,
  to_char(c.written_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as written_at,
  c.arrived_at is not null as has_arrived
from mirror.canaries as c
where c.written_at > clock_timestamp() - make_interval(secs => $1::double precision)
  and not exists (
    select
    from mirror.coverage as gap
    where gap.reason = 'flag_off'
      and (gap.path is null or gap.path = c.path)
      and gap.from_at <= c.written_at
      and coalesce(gap.to_at, 'infinity') >= c.written_at
  )
order by c.path, c.written_at
`,
  params: { windowSeconds: 'double precision' },
  row: { path: z.string(), writtenAt: z.string(), hasArrived: z.boolean() },
});

/** The names of all paths that are mirrored. Rejects as `statements` do. */
export async function declaredPaths(statements: Statements): Promise<string[]> {
  return (await DECLARED_PATHS.all(statements)).map(({ path }) => path);
}

/**
 * Reads what is known, now.
 *
 * @param paths names; null = every path that is mirrored
 * @param shard one couple; null = all
 * @returns in the order of the names; rejects as `statements` do
 */
export async function readEvidence(
  statements: Statements,
  paths: readonly string[] | null,
  shard: string | null,
  times: ProofTimes,
): Promise<PathEvidence[]> {
  const windowSeconds = times.windowMs / 1_000;
  const [declared, gaps, canaries] = await Promise.all([
    DECLARED_PATHS.all(statements),
    GAPS_OF_WINDOW.all(statements, { windowSeconds }),
    CANARIES_OF_WINDOW.all(statements, { windowSeconds }),
  ]);
  const judged = declared.filter(({ path }) => paths === null || paths.includes(path));
  return Promise.all(
    judged.map(async ({ path, isDated }) => {
      const { copyRate, mirrorRate, ...known } = await READINGS_EVIDENCE.one(statements, {
        path,
        shard,
        canaryShards: [CANARY_COUPLE, CANARY_DAY],
        windowSeconds,
        newSeconds: times.newShardMs / 1_000,
        fullSeconds:
          (times.fullEveryMs[isDated ? 'dated' : 'undated'] * times.fullAgeFactor) / 1_000,
      });
      return {
        path,
        ...known,
        copy: copyRate,
        mirror: mirrorRate,
        gaps: gaps.filter((gap) => gap.path === null || gap.path === path),
        canaries: wordOfCanaries(canaries.filter((canary) => canary.path === path)),
      };
    }),
  );
}
