import { z } from 'zod';
import type { CompletionLeaf } from '../quests/completion-path';
import { jsonColumn } from './statements';

/** An old phone's second write: migrations/20261123000002_client_claims.sql. */
export const CLAIM_BY_CLIENT = `
select mirror.claim_by_client($1, $2::date, $3, $4, $5, $6::timestamptz, $7) as verdict
`;

/**
 * A couple's live completions of a day, in key order. $1 couple, $2 day, $3 and $4 its two users: `a_b_c`
 * is the id of `a` with `b_c` and of `a_b` with `c`, and neither may see the others' rows.
 */
export const COMPLETIONS_OF_DAY = `
select
  q.quest_id,
  q.user_id,
  q.payload,
  to_char(q.completed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as completed_at
from public.quest_completions as q
where q.couple_id = $1 and q.date_key = $2::date and q.user_id in ($3, $4) and q.deleted_at is null
order by q.quest_id, q.user_id
limit $5::integer
`;

/** All rows of a couple's day, for a comparison. $1 couple, $2 day, $3 how many. */
export const ROWS_OF_DAY = `
select
  q.couple_id,
  to_char(q.date_key, 'YYYY-MM-DD') as date_key,
  q.quest_id,
  q.user_id,
  q.payload,
  q.deleted_at is not null as is_tombstone
from public.quest_completions as q
where q.couple_id = $1 and q.date_key = $2::date
order by q.couple_id, q.date_key, q.quest_id, q.user_id
limit $3::integer
`;

/** $1 refs: those of them that the log has seen within the hour, whoever saw them. */
export const REFS_SEEN_LATELY = `
select log.ref
from unnest($1::text[]) as asked (ref)
join mirror.divergence_log as log on log.ref = asked.ref
where log.kind in ('missing_in_postgres', 'missing_in_rtdb', 'value_mismatch', 'client_only')
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

/** A completion as the validation read shows it. */
export type ShownCompletion = z.infer<typeof COMPLETION>;

export function parseSeenRefs(rows: unknown[]): Set<string> {
  return new Set(rows.map((row) => z.object({ ref: z.string() }).parse(row).ref));
}

export function parseShownCompletions(rows: unknown[]): ShownCompletion[] {
  return rows.map((row) => COMPLETION.parse(row));
}
