import type { Queryable } from './mirror-tables';

/** A divergence as a test writes it into the log. */
export interface LoggedDivergence {
  /** Default: quest_completions. */
  path?: string;
  ref: string;
  kind?: string;
  cause?: string;
  severity?: string;
  coupleId?: string | null;
  dateKey?: string | null;
  questId?: string | null;
  userId?: string | null;
  rtdbValue?: unknown;
  detail?: unknown;
  firstSeenAt?: string;
  isResolved?: boolean;
}

/** Writes one row of the log; answers its id. */
export async function logDivergence(database: Queryable, one: LoggedDivergence): Promise<number> {
  const [row] = await database.query<{ id: number }>(
    `insert into mirror.divergence_log
       (path, ref, shard, day, key, kind, cause, severity, detected_by,
        rtdb_value, detail, first_seen_at, last_seen_at, resolved_at)
     select $13, $1, $2::text, $3::date,
       case when $5::text is not null then jsonb_build_object(
         'couple_id', $2::text, 'date_key', $3::date, 'quest_id', $4::text, 'user_id', $5::text
       ) end,
       $6, $7, $8, 'reconciler', $9::jsonb, $10::jsonb, seen.at, seen.at, case when $12 then seen.at + interval '1 minute' end
     from (select coalesce($11::timestamptz, now()) as at) as seen
     returning id::integer as id`,
    [
      ...[one.ref, one.coupleId ?? null, one.dateKey ?? null, one.questId ?? null],
      ...[one.userId ?? null, one.kind ?? 'missing_in_postgres', one.cause ?? 'unknown'],
      ...[one.severity ?? 'error', JSON.stringify(one.rtdbValue ?? null)],
      ...[JSON.stringify(one.detail ?? null), one.firstSeenAt ?? null, one.isResolved ?? false],
      one.path ?? 'quest_completions',
    ],
  );
  return row?.id ?? 0;
}

/** The log's columns of a leaf's ref. */
export function leafOf(coupleId: string, questId: string, userId: string, dateKey = '2025-11-20') {
  const ref = `daily_quests/${coupleId}/${dateKey}/completions/${questId}/${userId}`;
  return { ref, coupleId, questId, userId, dateKey };
}
