import { compareUtf8 } from '../../values/utf8-order';
import type { CompletionKey } from './completion-path';

/** The order of `quest_completions`'s primary key. */
export function compareKeys(a: CompletionKey, b: CompletionKey): number {
  return (
    compareUtf8(a.coupleId, b.coupleId) ||
    compareUtf8(a.dateKey, b.dateKey) ||
    compareUtf8(a.questId, b.questId) ||
    compareUtf8(a.userId, b.userId)
  );
}
