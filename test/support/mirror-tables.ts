import type { JsonValue } from './cloud-event';

/** Whatever runs statements on the mirror's database: a cloned one, or a server of one's own. */
export interface Queryable {
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>;
}

/** One row of quest_completions; times as text, so that no microsecond is lost. */
export interface CompletionRow {
  couple_id: string;
  date_key: string;
  quest_id: string;
  user_id: string;
  partner_id: string | null;
  completed_at: string;
  payload: JsonValue;
  origin: string;
  event_id: string | null;
  event_time: string;
  deleted_at: string | null;
  client_claimed_at: string | null;
}

export interface DivergenceRow {
  ref: string;
  path: string;
  shard: string | null;
  day: string | null;
  key: { [column: string]: string } | null;
  kind: string;
  cause: string;
  severity: string;
  detected_by: string;
  rtdb_value: JsonValue;
  postgres_value: JsonValue;
  detail: { [key: string]: JsonValue };
  event_id: string | null;
  event_time: string | null;
  times_seen: number;
  resolved: boolean;
}

const instant = (column: string) =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as ${column}`;

const ROWS = `
select couple_id, date_key::text, quest_id, user_id, partner_id, ${instant('completed_at')},
  payload, origin, event_id, ${instant('event_time')}, ${instant('deleted_at')},
  ${instant('client_claimed_at')}
from rtdb.quest_completions
where $1::text is null or couple_id = $1
order by couple_id, date_key, quest_id, user_id`;

const DIVERGENCES = `
select path, ref, shard, day::text, key, kind, cause, severity, detected_by,
  rtdb_value, postgres_value, detail, event_id, ${instant('event_time')}, times_seen,
  resolved_at is not null as resolved
from mirror.divergence_log
where $1::text is null or shard = $1 or ref like 'daily\\_quests/' || $1 || '/%'
order by ref, kind, id`;

/** All rows, or one couple's. */
export function completions(
  database: Queryable,
  coupleId: string | null = null,
): Promise<CompletionRow[]> {
  return database.query<CompletionRow>(ROWS, [coupleId]);
}

/** All divergences, or one couple's. */
export function divergences(
  database: Queryable,
  coupleId: string | null = null,
): Promise<DivergenceRow[]> {
  return database.query<DivergenceRow>(DIVERGENCES, [coupleId]);
}

/** The fields that an `invalid_payload` row complains of. */
export function fieldsOf(divergence: DivergenceRow | undefined): string[] {
  const issues = divergence?.detail.issues;
  if (!Array.isArray(issues)) return [];
  return issues.map((issue) => String((issue as { field: JsonValue }).field));
}

export async function emptyTables(database: Queryable): Promise<void> {
  await database.query('truncate rtdb.quest_completions, mirror.divergence_log');
}
