import { boolean, instant, integer } from './columns';
import { definePath } from './define-path';

/** How far a couple has come in the quiz tracks: one document for a couple. */
export const quizProgression = definePath({
  name: 'quiz_progression',
  trigger: 'mirrorQuizProgression',
  ref: 'quiz_progression/{coupleId}',
  columns: {
    current_track: integer((v) => v.currentTrack),
    current_position: integer((v) => v.currentPosition),
    total_quizzes_completed: integer((v) => v.totalQuizzesCompleted),
    has_completed_all_tracks: boolean((v) => v.hasCompletedAllTracks),
    created_at: instant((v) => v.createdAt),
    last_completed_at: instant((v) => v.lastCompletedAt),
  },
  visibleTo: 'couple',
});
