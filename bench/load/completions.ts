import { coupleOf, type Write } from './cloud-event';

const DATE_KEY = '2026-11-22';

/** A quest's completion: created with `true`, and made a time by its second write. */
export function completionWrite(roundId: string, leaf: number, isUpdate: boolean): Write {
  const { coupleId, first, second } = coupleOf(leaf);
  const userId = leaf % 2 === 0 ? first : second;
  return {
    ref: `daily_quests/${coupleId}/${DATE_KEY}/completions/quest_${roundId}_${leaf}_quiz/${userId}`,
    userId,
    data: isUpdate ? 'true' : 'null',
    delta: isUpdate ? String(Date.now()) : 'true',
  };
}
