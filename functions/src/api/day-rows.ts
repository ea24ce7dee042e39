import { z } from 'zod';
import { jsonColumn, query, type RowOf, type Statements } from '../postgres/statements';
import type { Row } from '../readings/compare-key';
import type { JsonObject } from '../values/json';

/** More than any day of the app has. Beyond it a day isn't compared, nor shown whole. */
const MAX_ROWS_OF_DAY = 200;
/** Of its values, in either store: 200 leaves of 600 bytes. */
export const MAX_BYTES_OF_DAY = 128 * 1024;

/**
 * The rows of a couple's day, in key order; those beyond the bytes come without their payload
 * (`isWhole`). Stored sizes come first, since they cost nothing to read. A compressed payload counts
 * sixteenfold: one of 12 KB may be a megabyte.
 */
const ROWS_OF_DAY = query({
  text: `
select
  d.couple_id,
  to_char(d.date_key, 'YYYY-MM-DD') as date_key,
  d.quest_id,
  d.user_id,
  case when d.bytes <= $4::integer then d.payload end as payload,
  d.bytes <= $4::integer as is_whole,
  to_char(d.completed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as completed_at,
  jsonb_build_object('partner_id', d.partner_id, 'completed_at', d.completed_at) as columns,
  d.origin,
  d.event_id,
  to_char(
    nullif(d.event_time, '-infinity') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
  ) as event_time,
  to_char(d.mirrored_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as mirrored_at,
  d.deleted_at is not null as is_tombstone
from (
  select
    s.*,
    sum(case when s.stored <= $4::integer then octet_length(s.payload::text) else $4::integer + 1 end)
      over (order by s.quest_id, s.user_id) as bytes
  from (
    select
      q.*,
      sum(
        coalesce(pg_column_size(q.payload), 0)
        * case when pg_column_compression(q.payload) is null then 1 else 16 end
      ) over (order by q.quest_id, q.user_id) as stored
    from rtdb.quest_completions as q
    where q.couple_id = $1 and q.date_key = $2::date
      and ($5::text[] is null or (q.user_id = any ($5) and q.deleted_at is null))
    order by q.quest_id, q.user_id
    limit $3::integer
  ) as s
) as d
order by d.couple_id, d.date_key, d.quest_id, d.user_id
`,
  params: {
    coupleId: 'text',
    dateKey: 'date',
    maxRows: 'integer',
    /** Of the payloads. */
    maxBytes: 'integer',
    /**
     * Null = all rows, for a comparison; else the two users whose live rows are shown: `a_b_c` is the id
     * of `a` with `b_c` and of `a_b` with `c`, and neither may see the others' rows.
     */
    users: 'text[]?',
  },
  row: {
    coupleId: z.string(),
    dateKey: z.string(),
    questId: z.string(),
    userId: z.string(),
    payload: jsonColumn,
    isWhole: z.boolean(),
    completedAt: z.string(),
    columns: z.custom<JsonObject>(),
    origin: z.string(),
    eventId: z.string().nullable(),
    eventTime: z.string().nullable(),
    mirroredAt: z.string(),
    isTombstone: z.boolean(),
  },
});

interface CoupleDay {
  coupleId: string;
  dateKey: string;
}

/** A completion as the validation read shows it. */
interface ShownCompletion {
  quest_id: string;
  user_id: string;
  payload: RowOf<typeof ROWS_OF_DAY>['payload'];
  completed_at: string;
}

/** All rows of a day, tombstones among them; null where they are too many, or too large. */
export async function wholeDay(statements: Statements, day: CoupleDay): Promise<Row[] | null> {
  const bounds = { maxRows: MAX_ROWS_OF_DAY + 1, maxBytes: MAX_BYTES_OF_DAY };
  const rows = await ROWS_OF_DAY.all(statements, { ...day, ...bounds, users: null });
  if (rows.length > MAX_ROWS_OF_DAY || rows.some(({ isWhole }) => !isWhole)) return null;
  return rows.map(({ coupleId, dateKey, questId, userId, ...row }) => ({
    ...row,
    parts: [coupleId, dateKey, questId, userId],
  }));
}

/** The live completions of two users on a day, as far as the bounds let them be shown. */
export async function completionsOfDay(
  statements: Statements,
  day: CoupleDay & { users: readonly string[] },
  signal: AbortSignal,
): Promise<ShownCompletion[]> {
  const bounds = { maxRows: MAX_ROWS_OF_DAY, maxBytes: MAX_BYTES_OF_DAY };
  const rows = await ROWS_OF_DAY.all(statements, { ...day, ...bounds }, signal);
  return rows
    .filter(({ isWhole }) => isWhole)
    .map(({ questId, userId, payload, completedAt }) => ({
      ...{ quest_id: questId, user_id: userId, payload },
      completed_at: completedAt,
    }));
}
