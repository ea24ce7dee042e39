import { boolean, instant, integer, text } from './columns';
import { definePath } from './define-path';

/** Steps that both users of a couple took on a day. */
export const steps = definePath({
  name: 'steps',
  trigger: 'mirrorSteps',
  ref: 'steps_data/{coupleId}/days/{dateKey}',
  day: 'dateKey',
  columns: {
    goal: integer((v) => v.goal),
    claimed: boolean((v) => v.claimed),
    claimed_by: text((v) => v.claimedBy),
    claimed_at: instant((v) => v.claimedAt),
    updated_at: instant((v) => v.updatedAt),
    lp_earned: integer((v) => v.lpEarned),
  },
  visibleTo: 'couple',
  ignored: ['connections'],
});
