import { z } from 'zod';
import type { LogKey, MirroredPath } from '../../../functions/src/events/mirrored-path';
import { instantOfMillis } from '../../../functions/src/values/event-time';
import { keyIssues } from '../../../functions/src/values/rtdb-key';
import { canonicalValue } from '../../../functions/src/values/rtdb-value';
import { findUnstorable } from '../../../functions/src/values/storable';
import { compareUtf8 } from '../../../functions/src/values/utf8-order';

/** One award of love points to a couple. */
export interface LpAward extends LogKey {
  coupleId: string;
  awardId: string;
}

const PATTERN = 'lp_awards/{coupleId}/{awardId}';

const awardSchema = z.looseObject({
  amount: z.int({ error: 'expected a whole number' }),
  awardedAt: z.number({ error: 'expected a number (milliseconds since 1970)' }).optional(),
});

/** What `lp_awards/{coupleId}/{awardId}` is, mirrored into `public.lp_awards`. */
export const LP_AWARDS: MirroredPath<LpAward> = {
  noun: 'love point award',
  pattern: PATTERN,
  applyStatement: 'select * from mirror.apply_lp_awards($1::jsonb, $2)',
  parsePath(path) {
    const [root, coupleId, awardId, ...more] = path.split('/');
    const key = { coupleId: null, dateKey: null, questId: null, userId: null };
    if (root !== 'lp_awards' || !coupleId || !awardId || more.length > 0) {
      return { ok: false, key, issues: [{ field: 'ref', message: `expected ${PATTERN}` }] };
    }
    const issues = [...keyIssues('coupleId', coupleId), ...keyIssues('awardId', awardId)];
    if (issues.length > 0) return { ok: false, key: { ...key, coupleId }, issues };
    return { ok: true, leaf: { ...key, coupleId, awardId } };
  },
  parseValue(raw, eventTime) {
    const value = canonicalValue(raw);
    const none = { amount: null, awarded_at: eventTime };
    if (value === null) return { ok: true, state: { payload: null, gone: true, columns: none } };
    const unstorable = findUnstorable(value, 'value');
    if (unstorable !== null) {
      const message = 'expected text without U+0000 and lone surrogates, which jsonb refuses';
      return { ok: false, value, issues: [{ field: unstorable, message }] };
    }
    const parsed = awardSchema.safeParse(value);
    if (!parsed.success) {
      const issues = parsed.error.issues.map(({ path, message }) => ({
        field: ['value', ...path].join('.'),
        message,
      }));
      return { ok: false, value, issues };
    }
    const { amount, awardedAt } = parsed.data;
    const awarded_at = (awardedAt === undefined ? null : instantOfMillis(awardedAt)) ?? eventTime;
    return { ok: true, state: { payload: value, gone: false, columns: { amount, awarded_at } } };
  },
  columnsOf: ({ coupleId, awardId }) => ({ couple_id: coupleId, award_id: awardId }),
  compareLeaves: (a, b) => compareUtf8(a.coupleId, b.coupleId) || compareUtf8(a.awardId, b.awardId),
};
