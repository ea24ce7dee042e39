import { dailyQuests } from './paths/daily-quests';
import { lpAwards } from './paths/lp-awards';
import { memoryPuzzles } from './paths/memory-puzzles';
import { questCompletions } from './paths/quest-completions/quest-completions';
import { quizProgression } from './paths/quiz-progression';
import { quizSessions } from './paths/quiz-sessions';
import { steps } from './paths/steps';
import { youOrMeSessions } from './paths/you-or-me-sessions';

/** What the app's engineers mirror: a declaration, a migration and a line here for each path. */
export const PATHS = [
  questCompletions,
  dailyQuests,
  quizProgression,
  quizSessions,
  youOrMeSessions,
  lpAwards,
  memoryPuzzles,
  steps,
] as const;

/** Trees that hold tokens and codes, and what is only for developers. */
export const NEVER_MIRROR = ['pairing_codes', 'dev_emulators', 'daily_pulses'] as const;
