import { z } from 'zod';
import type { CompletionKey } from '../../paths/quest-completions/completion-path';
import type { Json } from '../../values/json';
import { canonicalValue } from '../../values/rtdb-value';

/**
 * The rows of a page of couples, in key order. $1 and $2: after which couple, up to which (null = no
 * end), $3 and $4: first and last day, $5: how many couples, $6: the couple to leave out.
 *
 * The recursion jumps from couple to couple along the primary key: days outside the range cost
 * nothing, however long the history. A couple without rows in the range comes as one row without a
 * day, so that the caller knows how far the page reached.
 */
export const ROWS_OF_RANGE = `
with recursive couple as (
  (
    select q.couple_id
    from rtdb.quest_completions as q
    where q.couple_id > coalesce($1::text, '')
      and ($2::text is null or q.couple_id <= $2)
    order by q.couple_id
    limit 1
  )
  union all
  select following.couple_id
  from couple
  cross join lateral (
    select q.couple_id
    from rtdb.quest_completions as q
    where q.couple_id > couple.couple_id
      and ($2::text is null or q.couple_id <= $2)
    order by q.couple_id
    limit 1
  ) as following
),
page as materialized (
  select couple_id from couple limit $5::integer
)
select
  page.couple_id,
  to_char(row.date_key, 'YYYY-MM-DD') as date_key,
  row.quest_id,
  row.user_id,
  row.payload,
  row.deleted_at is not null as is_tombstone
from page
left join lateral (
  select q.date_key, q.quest_id, q.user_id, q.payload, q.deleted_at
  from rtdb.quest_completions as q
  where q.couple_id = page.couple_id
    and q.date_key between $3::date and $4::date
    and q.couple_id <> $6
) as row on true
order by page.couple_id, row.date_key, row.quest_id, row.user_id
`;

/** The rows of named couples, in key order. $1 couples, $2 and $3 first and last day. */
export const ROWS_OF_COUPLES = `
select
  q.couple_id,
  to_char(q.date_key, 'YYYY-MM-DD') as date_key,
  q.quest_id,
  q.user_id,
  q.payload,
  q.deleted_at is not null as is_tombstone
from unnest($1::text[]) as asked (couple_id)
cross join lateral (
  select r.*
  from rtdb.quest_completions as r
  where r.couple_id = asked.couple_id
    and r.date_key between $2::date and $3::date
) as q
order by q.couple_id, q.date_key, q.quest_id, q.user_id
`;

/** A row as a comparison looks at it. */
export interface CompletionRow {
  key: CompletionKey;
  payload: Json;
  isTombstone: boolean;
}

const ROW = z.object({
  couple_id: z.string(),
  date_key: z.string().nullable(),
  quest_id: z.string().nullable(),
  user_id: z.string().nullable(),
  payload: z.unknown(),
  is_tombstone: z.boolean(),
});

export interface CompletionPage {
  rows: CompletionRow[];
  /** Couples of the page, those without rows in the range among them. */
  couples: string[];
}

export function parseCompletionPage(rows: unknown[]): CompletionPage {
  const page: CompletionPage = { rows: [], couples: [] };
  for (const row of rows) {
    const { couple_id, date_key, quest_id, user_id, payload, is_tombstone } = ROW.parse(row);
    if (page.couples.at(-1) !== couple_id) page.couples.push(couple_id);
    if (date_key === null || quest_id === null || user_id === null) continue;
    page.rows.push({
      key: { coupleId: couple_id, dateKey: date_key, questId: quest_id, userId: user_id },
      // A row that was written by hand may hold a list in its other form.
      payload: canonicalValue(payload),
      isTombstone: is_tombstone,
    });
  }
  return page;
}
