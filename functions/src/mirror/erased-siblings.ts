import { z } from 'zod';
import type { CompletionKey } from '../paths/quest-completions/completion-path';

/**
 * Tombstones of one day that bear one instant: what a single write erased. $1 couple, $2 date,
 * $3 instant, $4 quest and $5 user of the leaf in question. Of the oldest others, those that no open
 * divergence tells of come along: only what was mirrored first can have been alone when it looked.
 */
export const ERASED_SIBLINGS = `
with erased as (
  select
    quest_id,
    user_id,
    completed_at,
    mirrored_at,
    (quest_id, user_id) = ($4, $5) as is_self,
    concat_ws(
      '/', 'daily_quests', couple_id, to_char(date_key, 'YYYY-MM-DD'),
      'completions', quest_id, user_id
    ) as ref
  from rtdb.quest_completions
  where (couple_id, date_key, deleted_at) = ($1, $2::date, $3::timestamptz)
)
select
  (select extract(epoch from completed_at) * 1000 from erased where is_self) as completed_ms,
  (select count(*) from erased where not is_self) as sibling_count,
  (
    select coalesce(jsonb_agg(jsonb_build_object('quest_id', quest_id, 'user_id', user_id)), '[]')
    from (
      select quest_id, user_id, ref
      from erased
      where not is_self
      order by mirrored_at
      limit 5
    ) as oldest
    where not exists (
      select
      from mirror.divergence_log as log
      where md5(log.ref) = md5(oldest.ref)
        and log.ref = oldest.ref
        and log.kind = 'ancestor_overwrite'
        and log.resolved_at is null
    )
  ) as unlogged
`;

const RESULT = z.object({
  completed_ms: z.coerce.number().nullable(),
  sibling_count: z.coerce.number(),
  unlogged: z.array(z.object({ quest_id: z.string(), user_id: z.string() })),
});

export interface ErasedTogether {
  /** When the leaf's completion was made, in milliseconds since 1970; null without a tombstone. */
  completedMs: number | null;
  /** Other leaves of the day that the same write erased. */
  siblingCount: number;
  /** A few of them that the divergence log has nothing of. */
  unlogged: Pick<CompletionKey, 'questId' | 'userId'>[];
}

export function parseErasedTogether(rows: unknown[]): ErasedTogether {
  const row = RESULT.parse(rows[0]);
  return {
    completedMs: row.completed_ms,
    siblingCount: row.sibling_count,
    unlogged: row.unlogged.map(({ quest_id, user_id }) => ({ questId: quest_id, userId: user_id })),
  };
}
