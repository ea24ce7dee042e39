import type { CompletionKey } from '../../paths/quest-completions/completion-path';
import { parseCompletionValue } from '../../paths/quest-completions/completion-value';
import { isRealDate } from '../../values/event-time';
import { compareUtf8 } from '../../values/utf8-order';
import type { LeafReading } from './compare-leaf';

/** A completion's leaf as a reader of RTDB found it. */
export interface Leaf {
  key: CompletionKey;
  reading: LeafReading;
}

/**
 * The leaves under a couple's days, in key order. Pure.
 *
 * RTDB orders integer-like keys as numbers and shows them as a list at times; the order here is that
 * of Postgres, whatever the reader gave. What does not stand at a leaf's depth is passed over, as
 * the trigger passes it over, and so is a day that no calendar has: it belongs to no range of days,
 * and the trigger logged its writes. Users and quests that the mirror refuses are kept, since RTDB
 * holds them.
 *
 * @param days the value at `daily_quests/{coupleId}`, or a range of it: day -> node
 * @param readAt normalized instant of the reading; dates values without a time of their own
 */
export function* leavesOfCouple(coupleId: string, days: unknown, readAt: string): Generator<Leaf> {
  for (const [dateKey, day] of childrenOf(days)) {
    if (!isRealDate(dateKey)) continue;
    const completions = childrenOf(day).find(([key]) => key === 'completions')?.[1];
    for (const [questId, users] of childrenOf(completions)) {
      for (const [userId, value] of childrenOf(users)) {
        const parsed = parseCompletionValue(value, readAt);
        const reading = parsed.ok ? parsed.state : { completed: null, value: parsed.value };
        yield { key: { coupleId, dateKey, questId, userId }, reading };
      }
    }
  }
}

function childrenOf(node: unknown): [string, unknown][] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node)
    .filter(([, child]) => child !== null)
    .sort(([a], [b]) => compareUtf8(a, b));
}
