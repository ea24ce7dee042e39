import { boolean, instant, integer, text } from './columns';
import { definePath } from './define-path';

/** Rounds of "you or me", with both users' answers. */
export const youOrMeSessions = definePath({
  name: 'you_or_me_sessions',
  trigger: 'mirrorYouOrMeSession',
  ref: 'you_or_me_sessions/{coupleId}/{sessionId}',
  columns: {
    user_id: text((v) => v.userId),
    partner_id: text((v) => v.partnerId),
    initiated_by: text((v) => v.initiatedBy),
    subject_user_id: text((v) => v.subjectUserId),
    status: text((v) => v.status),
    is_completed: boolean((v) => v.isCompleted),
    created_at: instant((v) => v.createdAt),
    completed_at: instant((v) => v.completedAt),
    lp_earned: integer((v) => v.lpEarned),
  },
  visibleTo: 'couple',
});
