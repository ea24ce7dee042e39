import { count } from './columns';
import { definePath } from './define-path';

/** The list of quests that a couple has for a day. */
export const dailyQuests = definePath({
  name: 'daily_quests',
  trigger: 'mirrorDailyQuests',
  ref: 'daily_quests/{coupleId}/{dateKey}/quests',
  day: 'dateKey',
  columns: {
    quest_count: count((v) => v),
  },
  visibleTo: 'couple',
  ignored: ['generatedAt', 'generatedBy', 'dateKey', 'progression'],
});
