import type { LeafState, MirroredPath } from '../events/mirrored-path';
import {
  COMPLETION_PATTERN,
  type CompletionLeaf,
  dayPath,
  parseCompletionPath,
} from './completion-path';
import { type CompletionState, parseCompletionValue } from './completion-value';
import { compareKeys } from './key-order';

/** The path of quest completions, mirrored into `rtdb.quest_completions`. */
export const QUEST_COMPLETIONS: MirroredPath<CompletionLeaf> = {
  noun: 'quest completion',
  pattern: COMPLETION_PATTERN,
  applyStatement: 'select * from mirror.apply_quest_completions($1::jsonb, $2, $3::text[])',
  parsePath: parseCompletionPath,
  parseValue(raw, eventTime) {
    const parsed = parseCompletionValue(raw, eventTime);
    return parsed.ok ? { ok: true, state: leafStateOf(parsed.state, eventTime) } : parsed;
  },
  columnsOf: ({ coupleId, dateKey, questId, userId, partnerId }) => ({
    couple_id: coupleId,
    date_key: dateKey,
    quest_id: questId,
    user_id: userId,
    partner_id: partnerId,
  }),
  compareLeaves: compareKeys,
  datedNodeOf: (leaf) => ({
    ref: dayPath(leaf),
    dateKey: leaf.dateKey,
    key: { coupleId: leaf.coupleId, dateKey: leaf.dateKey, questId: null, userId: null },
  }),
};

function leafStateOf(state: CompletionState, eventTime: string): LeafState {
  return state.completed
    ? { payload: state.payload, gone: false, columns: { completed_at: state.completedAt } }
    : { payload: null, gone: state.gone, columns: { completed_at: eventTime } };
}
