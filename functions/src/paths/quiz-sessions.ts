import { boolean, instant, integer, text } from './columns';
import { definePath } from './define-path';

/** Quizzes that a couple plays, with both users' answers. */
export const quizSessions = definePath({
  name: 'quiz_sessions',
  trigger: 'mirrorQuizSession',
  ref: 'quiz_sessions/{coupleId}/{sessionId}',
  columns: {
    status: text((v) => v.status),
    format_type: text((v) => v.formatType),
    initiated_by: text((v) => v.initiatedBy),
    subject_user_id: text((v) => v.subjectUserId),
    is_daily_quest: boolean((v) => v.isDailyQuest),
    created_at: instant((v) => v.createdAt),
    expires_at: instant((v) => v.expiresAt),
    completed_at: instant((v) => v.completedAt),
    match_percentage: integer((v) => v.matchPercentage),
    alignment_matches: integer((v) => v.alignmentMatches),
    lp_earned: integer((v) => v.lpEarned),
  },
  visibleTo: 'couple',
});
