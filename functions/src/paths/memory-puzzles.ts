import { integer, text } from './columns';
import { definePath } from './define-path';

/** Memory puzzles, with all their cards. */
export const memoryPuzzles = definePath({
  name: 'memory_puzzles',
  trigger: 'mirrorMemoryPuzzle',
  ref: 'memory_puzzles/{coupleId}/{puzzleId}',
  columns: {
    created_by: text((v) => v.createdBy),
    status: text((v) => v.status),
    total_pairs: integer((v) => v.totalPairs),
    matched_pairs: integer((v) => v.matchedPairs),
    // The phones' local times, without a zone: no instant can be told from them.
    created_at_local: text((v) => v.createdAt),
    expires_at_local: text((v) => v.expiresAt),
  },
  visibleTo: 'couple',
});
