import type { Pool } from 'pg';

export interface CompletionRow {
  coupleId: string;
  dateKey: string;
  questId: string;
  userId: string;
  completedAt: Date;
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

/** Completions that Postgres took in that stretch, in that order; tombstones too. */
export async function completionsIn(
  pool: Pool,
  { since, until }: Stretch,
): Promise<CompletionRow[]> {
  const { rows } = await pool.query<CompletionRow>(
    `select couple_id as "coupleId", date_key::text as "dateKey", quest_id as "questId",
       user_id as "userId", completed_at as "completedAt", payload, origin,
       deleted_at as "deletedAt",
       round(extract(epoch from mirrored_at - event_time) * 1000)::float8 as "lagMs"
     from rtdb.quest_completions
     where mirrored_at > $1 and mirrored_at <= coalesce($2, 'infinity'::timestamptz)
       and isfinite(event_time)
     order by mirrored_at, couple_id, date_key, quest_id, user_id`,
    [since, until],
  );
  return rows;
}

/** Divergences that were seen, first or again, in that stretch. */
export async function divergencesIn(
  pool: Pool,
  { since, until }: Stretch,
): Promise<DivergenceRow[]> {
  const { rows } = await pool.query<DivergenceRow>(
    `select id, kind, cause, severity, ref, times_seen as "timesSeen"
     from mirror.divergence_log
     where last_seen_at > $1 and last_seen_at <= coalesce($2, 'infinity'::timestamptz)
     order by id`,
    [since, until],
  );
  return rows;
}
