import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { PATHS } from '../functions/src/app-paths';
import { CANARY_COUPLE } from '../functions/src/paths/quest-completions/canary-couple';
import { columnOfPart } from '../functions/src/paths/ref-pattern';
import { shorten, shortenRef } from './table';

/** A row of a mirrored table. */
export interface MirroredRow {
  /** The path's name. */
  path: string;
  /** Where RTDB has it. */
  ref: string;
  payload: unknown;
  origin: string;
  deletedAt: Date | null;
  lagMs: number;
}

export interface DivergenceRow {
  id: string;
  kind: string;
  cause: string;
  severity: string;
  ref: string;
  timesSeen: number;
  isResolved: boolean;
}

/**
 * A stretch of Postgres' own time, after `since` and up to `until`. As text: a Date would drop the
 * microseconds, and a row at the seam would be seen twice or not at all.
 */
export interface Stretch {
  since: string;
  until?: string;
}

/** Postgres' time, as text. */
export async function databaseNow(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ now: string }>('select clock_timestamp()::text as now');
  if (!rows[0]) throw new Error('Postgres did not tell its time.');
  return rows[0].now;
}

/** What all declared paths took, as one statement: their names are plain, and checked. */
const ROWS = `${PATHS.map(rowsOf).join('\nunion all\n')}
order by "mirroredAt", path, ref`;

function rowsOf({ name, ref }: (typeof PATHS)[number]): string {
  const steps = ref.split('/').map((step) => {
    const part = /^\{(\w+)\}$/.exec(step)?.[1];
    return part === undefined ? `'${step}'` : `${columnOfPart(part)}::text`;
  });
  return `select '${name}' as path, concat_ws('/', ${steps.join(', ')}) as ref, payload, origin,
  deleted_at as "deletedAt", mirrored_at as "mirroredAt",
  round(extract(epoch from mirrored_at - event_time) * 1000)::float8 as "lagMs"
from rtdb.${name}
where mirrored_at > $1 and mirrored_at <= coalesce($2, 'infinity'::timestamptz)
  and isfinite(event_time)`;
}

/** Rows that Postgres took in that stretch, in that order; tombstones too, canaries not. */
export async function rowsIn(pool: Pool, { since, until }: Stretch): Promise<MirroredRow[]> {
  const { rows } = await pool.query<MirroredRow>(ROWS, [since, until]);
  return rows.filter(({ ref }) => !ref.split('/').includes(CANARY_COUPLE));
}

/** Divergences that were seen, first or again, or resolved in that stretch. */
export async function divergencesIn(
  pool: Pool,
  { since, until }: Stretch,
): Promise<DivergenceRow[]> {
  const { rows } = await pool.query<DivergenceRow>(
    `select id, kind, cause, severity, ref, times_seen as "timesSeen",
       resolved_at is not null as "isResolved"
     from mirror.divergence_log
     where greatest(last_seen_at, resolved_at) > $1
       and greatest(last_seen_at, resolved_at) <= coalesce($2, 'infinity'::timestamptz)
     order by id`,
    [since, until],
  );
  return rows;
}

const INTERVAL_MS = 500;

/** Prints what Postgres takes from now on, a line each, until it is told to end. */
export async function followMirror(
  pool: Pool,
  print: (line: string) => void,
  isEnded: () => boolean,
): Promise<void> {
  let since = await databaseNow(pool);
  while (!isEnded()) {
    await delay(INTERVAL_MS);
    const until = await databaseNow(pool);
    for (const row of await rowsIn(pool, { since, until })) print(describeRow(row));
    for (const row of await divergencesIn(pool, { since, until })) print(describeDivergence(row));
    since = until;
  }
}

function describeRow(row: MirroredRow): string {
  const what = row.deletedAt ? 'removed' : shorten(JSON.stringify(row.payload), 40);
  return `mirrored: ${shortenRef(row.ref)}: ${what} (${row.lagMs} ms)`;
}

function describeDivergence({ kind, cause, severity, isResolved, ref }: DivergenceRow): string {
  const state = isResolved ? 'resolved' : severity;
  return `divergence: ${kind}, ${cause}, ${state}: ${shortenRef(ref)}`;
}
