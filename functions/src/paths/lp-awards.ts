import { instant, integer, text } from './columns';
import { definePath } from './define-path';

/** Love points that a couple was awarded; both phones write one key. */
export const lpAwards = definePath({
  name: 'lp_awards',
  trigger: 'mirrorLpAward',
  ref: 'lp_awards/{coupleId}/{awardId}',
  columns: {
    amount: integer((v) => v.amount),
    multiplier: integer((v) => v.multiplier),
    reason: text((v) => v.reason),
    related_id: text((v) => v.relatedId),
    awarded_at: instant((v) => v.timestamp),
  },
  visibleTo: 'couple',
});
