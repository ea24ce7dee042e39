import { mirrorTrigger } from './mirror-trigger';
import { QUEST_COMPLETIONS } from './quests/quest-completions';

/** Mirrors every write of a quest completion into `rtdb.quest_completions`. */
export const mirrorQuestCompletion = mirrorTrigger(QUEST_COMPLETIONS, () => {
  const { createDayOverwrite } =
    require('./mirror/day-overwrite') as typeof import('./mirror/day-overwrite');
  return createDayOverwrite();
});
