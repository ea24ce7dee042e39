import { z } from 'zod';
import type { CompletionKey } from '../../paths/quest-completions/completion-path';
import type { Json } from '../../values/json';

/** Sets rows to RTDB's state, guarded: migrations/20261128000002_quest_completions.sql. */
export const REPAIR_ROWS = 'select * from mirror.repair_rows($1::jsonb, $2)';

/** The versions of rows, to guard a repair by. $1 keys as JSON, with `n`. */
export const ROW_VERSIONS = `
select wanted.n, q.event_time::text as event_time, q.event_id
from jsonb_to_recordset($1::jsonb) as wanted (
  n integer,
  couple_id text collate "C",
  date_key date,
  quest_id text collate "C",
  user_id text collate "C"
)
cross join lateral (
  select r.event_time, r.event_id
  from rtdb.quest_completions as r
  where (r.couple_id, r.date_key, r.quest_id, r.user_id)
    = (wanted.couple_id, wanted.date_key, wanted.quest_id, wanted.user_id)
) as q
`;

/** A row's version, as Postgres writes it (to the microsecond, or `-infinity`). */
export interface RowVersion {
  eventTime: string;
  eventId: string | null;
}

/** What a row is to show. */
export interface Repair {
  key: CompletionKey;
  partnerId: string | null;
  /** RTDB's value; null where it holds nothing. */
  payload: Json;
  /** Null with a null payload. */
  completedAt: string | null;
  /** The version that was compared; null where there was no row. */
  seen: RowVersion | null;
}

export function versionsParameter(keys: readonly CompletionKey[]): string {
  return JSON.stringify(keys.map((key, n) => ({ n, ...columnsOf(key) })));
}

/** By place in the keys asked for; undefined where there is no row. */
export function parseVersions(rows: unknown[], count: number): (RowVersion | undefined)[] {
  const versions = new Array<RowVersion | undefined>(count).fill(undefined);
  for (const row of rows) {
    const { n, event_time, event_id } = VERSION.parse(row);
    versions[n] = { eventTime: event_time, eventId: event_id };
  }
  return versions;
}

/** The first parameter of REPAIR_ROWS; the repairs are in key order. */
export function repairsParameter(repairs: readonly Repair[]): string {
  return JSON.stringify(
    repairs.map(({ key, partnerId, payload, completedAt, seen }, n) => ({
      n,
      ...columnsOf(key),
      partner_id: partnerId,
      completed_at: completedAt,
      payload,
      has_row: seen !== null,
      seen_event_time: seen?.eventTime ?? null,
      seen_event_id: seen?.eventId ?? null,
    })),
  );
}

/** Whether each was written; false: the row had changed since it was compared. */
export function parseRepaired(rows: unknown[]): boolean[] {
  return rows
    .map((row) => REPAIRED.parse(row))
    .sort((a, b) => a.n - b.n)
    .map(({ repaired }) => repaired);
}

const VERSION = z.object({
  n: z.number(),
  event_time: z.string(),
  event_id: z.string().nullable(),
});
const REPAIRED = z.object({ n: z.number(), repaired: z.boolean() });

function columnsOf({ coupleId, dateKey, questId, userId }: CompletionKey) {
  return { couple_id: coupleId, date_key: dateKey, quest_id: questId, user_id: userId };
}
