import { write } from 'firebase-functions/logger';
import { onValueWritten } from 'firebase-functions/v2/database';
import { runNaively } from './naive-pool';
import { COMPLETIONS, triggerOptions } from './trigger-options';

const UPSERT = `
insert into rtdb.quest_completions (
  couple_id, date_key, quest_id, user_id, partner_id,
  completed_at, payload, origin, event_id, event_time, deleted_at
)
values ($1, $2, $3, $4, $5, $6, $7, 'rtdb', $8, $6, $9)
on conflict (couple_id, date_key, quest_id, user_id) do update
set
  partner_id = excluded.partner_id,
  completed_at = excluded.completed_at,
  payload = excluded.payload,
  origin = excluded.origin,
  event_id = excluded.event_id,
  event_time = excluded.event_time,
  deleted_at = excluded.deleted_at,
  mirrored_at = clock_timestamp()
where quest_completions.event_time < excluded.event_time
`;

/** The way most people would write the mirror: one upsert for each event, and a pool. */
export const naiveUpsert = onValueWritten(triggerOptions(COMPLETIONS), async (event) => {
  const { coupleId = '', dateKey, questId, userId = '' } = event.params as Record<string, string>;
  const partnerId = coupleId.startsWith(`${userId}_`)
    ? coupleId.slice(userId.length + 1)
    : coupleId.slice(0, -userId.length - 1);
  const value: unknown = event.data.after.val();
  const gone = value === null || value === false;
  const { rowCount } = await runNaively(UPSERT, [
    coupleId,
    dateKey,
    questId,
    userId,
    partnerId,
    event.time,
    gone ? null : JSON.stringify(value),
    event.id,
    gone ? event.time : null,
  ]);
  const outcome = rowCount === 1 ? 'applied' : 'stale';
  write({ severity: 'INFO', message: `quest completion ${outcome}`, outcome, event_id: event.id });
});
