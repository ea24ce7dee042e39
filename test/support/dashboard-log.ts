import type { Queryable } from './mirror-tables';

/** A divergence as a test writes it into the log. */
export interface LoggedDivergence {
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
       (ref, couple_id, date_key, quest_id, user_id, kind, cause, severity, detected_by,
        rtdb_value, detail, first_seen_at, last_seen_at, resolved_at)
     select $1, $2, $3::date, $4, $5, $6, $7, $8, 'reconciler', $9::jsonb, $10::jsonb,
       seen.at, seen.at, case when $12 then seen.at + interval '1 minute' end
     from (select coalesce($11::timestamptz, now()) as at) as seen
     returning id::integer as id`,
    [
      ...[one.ref, one.coupleId ?? null, one.dateKey ?? null, one.questId ?? null],
      ...[one.userId ?? null, one.kind ?? 'missing_in_postgres', one.cause ?? 'unknown'],
      ...[one.severity ?? 'error', JSON.stringify(one.rtdbValue ?? null)],
      ...[JSON.stringify(one.detail ?? null), one.firstSeenAt ?? null, one.isResolved ?? false],
    ],
  );
  return row?.id ?? 0;
}

/** The log's columns of a leaf's ref. */
export function leafOf(coupleId: string, questId: string, userId: string, dateKey = '2025-11-20') {
  const ref = `daily_quests/${coupleId}/${dateKey}/completions/${questId}/${userId}`;
  return { ref, coupleId, questId, userId, dateKey };
}
