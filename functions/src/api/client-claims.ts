import { z } from 'zod';
import type { CompletionLeaf } from '../paths/quest-completions/completion-path';
import { jsonColumn } from '../postgres/statements';

/** An old phone's second write: migrations/20261128000002_quest_completions.sql. */
export const CLAIM_BY_CLIENT = `
select mirror.claim_by_client($1, $2::date, $3, $4, $5, $6::timestamptz, $7) as verdict
`;

/**
 * The rows of a couple's day, in key order. $1 couple, $2 day, $3 how many rows, $4 how many bytes of
 * payloads: those beyond come without theirs (`is_whole`). Stored sizes come first, since they cost
 * nothing to read. A compressed payload counts sixteenfold: one of 12 KB may be a megabyte.
 *
 * $5 null = all rows, for a comparison; else the two users whose live rows are shown: `a_b_c` is the id
 * of `a` with `b_c` and of `a_b` with `c`, and neither may see the others' rows.
 */
export const ROWS_OF_DAY = `
select
  d.couple_id,
  to_char(d.date_key, 'YYYY-MM-DD') as date_key,
  d.quest_id,
  d.user_id,
  case when d.bytes <= $4::integer then d.payload end as payload,
  d.bytes <= $4::integer as is_whole,
  to_char(d.completed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as completed_at,
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
`;

/** $1 refs: those of them that the log has seen within the hour, from any writer. */
export const REFS_SEEN_LATELY = `
select log.ref
from unnest($1::text[]) as asked (ref)
join mirror.divergence_log as log on log.ref = asked.ref
where log.path = 'quest_completions'
  and log.kind in ('missing_in_postgres', 'missing_in_rtdb', 'value_mismatch', 'client_only')
  and log.last_seen_at > clock_timestamp() - interval '1 hour'
`;

export const IS_ALIVE = 'select 1 as is_alive';

const VERDICT = z.object({ verdict: z.enum(['applied', 'duplicate', 'limited']) });

export type ClientVerdict = z.infer<typeof VERDICT>['verdict'];

/** The parameters of CLAIM_BY_CLIENT; `lockWait` such as `500ms`. */
export function clientClaimValues(
  { coupleId, dateKey, questId, userId, partnerId }: CompletionLeaf,
  completedAt: string,
  lockWait: string,
): unknown[] {
  return [coupleId, dateKey, questId, userId, partnerId, completedAt, lockWait];
}

export function parseClientVerdict(rows: unknown[]): ClientVerdict {
  return VERDICT.parse(rows[0]).verdict;
}

const COMPLETION = z.object({
  quest_id: z.string(),
  user_id: z.string(),
  payload: jsonColumn,
  completed_at: z.string(),
});

const SIZED = z.looseObject({ is_whole: z.boolean() });

/** Those rows of a day that came with their payload. */
export function wholeRows(rows: unknown[]): unknown[] {
  return rows.filter((row) => SIZED.parse(row).is_whole);
}

/** A completion as the validation read shows it. */
export type ShownCompletion = z.infer<typeof COMPLETION>;

export function parseSeenRefs(rows: unknown[]): Set<string> {
  return new Set(rows.map((row) => z.object({ ref: z.string() }).parse(row).ref));
}

export function parseShownCompletions(rows: unknown[]): ShownCompletion[] {
  return wholeRows(rows).map((row) => COMPLETION.parse(row));
}
