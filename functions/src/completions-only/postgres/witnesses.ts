import { z } from 'zod';

/**
 * $1 from, $2 to, $3 the couple to leave out. Live completions that Postgres took in the window, by
 * who told of them: RTDB's event, the phone itself (an old app's second write), or both. What a
 * backfill or a repair read is no event, and does not count.
 */
export const WITNESSES_OF_WINDOW = `
select
  count(*) filter (where origin = 'rtdb' and client_claimed_at is not null)::integer as both_saw,
  count(*) filter (where origin = 'rtdb' and client_claimed_at is null)::integer as only_rtdb,
  count(*) filter (where origin = 'client')::integer as only_client
from rtdb.quest_completions
where mirrored_at >= $1::timestamptz
  and mirrored_at < $2::timestamptz
  and deleted_at is null
  and couple_id <> $3
`;

/**
 * $1 runs, $2 the couple to leave out. Live rows that only a client's claim made, as each run
 * compared them: those that RTDB has too would be missing without the claim; those that it has not
 * would not have been compared at all.
 */
export const CLIENT_ROWS_OF_RUNS = `
select
  count(*) filter (where difference.kind is null)::integer as agreed,
  count(*) filter (where difference.kind in ('missing_in_rtdb', 'client_only'))::integer
    as not_in_rtdb
from mirror.reconcile_runs as run
join rtdb.quest_completions as q
  on q.date_key between run.from_date and run.to_date
  and q.mirrored_at < run.started_at
left join lateral (
  select log.kind
  from mirror.divergence_log as log
  where log.ref = concat_ws(
      '/', 'daily_quests', q.couple_id, to_char(q.date_key, 'YYYY-MM-DD'),
      'completions', q.quest_id, q.user_id
    )
    and log.path = 'quest_completions'
    and log.kind in ('missing_in_postgres', 'missing_in_rtdb', 'value_mismatch', 'client_only')
    and log.run_id is not null
    and log.first_seen_at <= run.finished_at
    and (log.resolved_at is null or log.resolved_at > run.finished_at)
  order by log.last_seen_at desc
  limit 1
) as difference on true
where run.id = any ($1::bigint[])
  and q.origin = 'client'
  and q.deleted_at is null
  and q.couple_id <> $2
`;

const WINDOW = z.object({
  both_saw: z.number(),
  only_rtdb: z.number(),
  only_client: z.number(),
});

/** How many completions each witness told of. */
export interface Witnesses {
  both: number;
  onlyRtdb: number;
  onlyClient: number;
}

export function parseWitnesses(rows: unknown[]): Witnesses {
  const { both_saw, only_rtdb, only_client } = WINDOW.parse(rows[0]);
  return { both: both_saw, onlyRtdb: only_rtdb, onlyClient: only_client };
}

const CLIENT_ROWS = z.object({ agreed: z.number(), not_in_rtdb: z.number() });

export function parseClientRows(rows: unknown[]): { agreed: number; notInRtdb: number } {
  const { agreed, not_in_rtdb } = CLIENT_ROWS.parse(rows[0]);
  return { agreed, notInRtdb: not_in_rtdb };
}
