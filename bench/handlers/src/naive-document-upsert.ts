import { write } from 'firebase-functions/logger';
import { onValueWritten } from 'firebase-functions/v2/database';
import { runNaively } from './naive-pool';
import { DOCUMENTS, triggerOptions } from './trigger-options';

const UPSERT = `
insert into rtdb.you_or_me_sessions (
  couple_id, session_id, user_id, partner_id, initiated_by, subject_user_id, status, is_completed,
  created_at, completed_at, lp_earned, payload, origin, event_id, event_time, deleted_at
)
values (
  $1, $2, $3, $4, $5, $6, $7, $8,
  to_timestamp($9::double precision / 1000), to_timestamp($10::double precision / 1000), $11, $12,
  'rtdb', $13, $14, $15
)
on conflict (couple_id, session_id) do update
set
  user_id = excluded.user_id,
  partner_id = excluded.partner_id,
  initiated_by = excluded.initiated_by,
  subject_user_id = excluded.subject_user_id,
  status = excluded.status,
  is_completed = excluded.is_completed,
  created_at = excluded.created_at,
  completed_at = excluded.completed_at,
  lp_earned = excluded.lp_earned,
  payload = excluded.payload,
  origin = excluded.origin,
  event_id = excluded.event_id,
  event_time = excluded.event_time,
  deleted_at = excluded.deleted_at,
  mirrored_at = clock_timestamp()
where you_or_me_sessions.event_time < excluded.event_time
`;

interface Session {
  userId?: string;
  partnerId?: string;
  initiatedBy?: string;
  subjectUserId?: string;
  status?: string;
  isCompleted?: boolean;
  createdAt?: number;
  completedAt?: number;
  lpEarned?: number;
}

/** The way most people would mirror a document: the snapshot after the write, and one upsert. */
export const naiveDocumentUpsert = onValueWritten(triggerOptions(DOCUMENTS), async (event) => {
  const { coupleId, sessionId } = event.params as Record<string, string>;
  const session = event.data.after.val() as Session | null;
  const { rowCount } = await runNaively(UPSERT, [
    coupleId,
    sessionId,
    session?.userId,
    session?.partnerId,
    session?.initiatedBy,
    session?.subjectUserId,
    session?.status,
    session?.isCompleted,
    session?.createdAt,
    session?.completedAt,
    session?.lpEarned,
    session === null ? null : JSON.stringify(session),
    event.id,
    event.time,
    session === null ? event.time : null,
  ]);
  const outcome = rowCount === 1 ? 'applied' : 'stale';
  write({ severity: 'INFO', message: `session ${outcome}`, outcome, event_id: event.id });
});
