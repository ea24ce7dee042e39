import { setTimeout as delay } from 'node:timers/promises';
import type { Statements } from '../../functions/src/postgres/statements';
import type { CompletionLeaf } from '../../functions/src/quests/completion-path';

/**
 * An old phone's second write as the API leaves it (DESIGN section 4): a row only where none is,
 * older than any event; else the row is told of a second witness. In one statement, and as one of
 * the mirror's own writers. $1 to $5: the leaf and its partner.
 */
const CLAIM = `
with writer as materialized (
  select set_config('mirror.writer', 'on', true) as is_on
)
insert into public.quest_completions as q (
  couple_id, date_key, quest_id, user_id, partner_id,
  completed_at, payload, origin, event_time, client_claimed_at
)
select
  $1, $2::date, $3, $4, $5,
  clock_timestamp(), 'true', 'client', '-infinity', clock_timestamp()
from writer
where is_on = 'on'
on conflict (couple_id, date_key, quest_id, user_id) do update
set client_claimed_at = excluded.client_claimed_at
`;

const RETRY_MS = 100;
const GIVE_UP_AFTER = 600;

/** Writes the claim as a phone does that the API answers 503 while Postgres is away: again. */
export async function claimByClient(leaf: CompletionLeaf, statements: Statements): Promise<void> {
  const { coupleId, dateKey, questId, userId, partnerId } = leaf;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await statements.run(CLAIM, [coupleId, dateKey, questId, userId, partnerId]);
      return;
    } catch (error) {
      if (attempt === GIVE_UP_AFTER) throw error;
      await delay(RETRY_MS);
    }
  }
}
