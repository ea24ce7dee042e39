import type { Json } from '../../values/json';
import { instant, text } from '../columns';
import { definePath } from '../define-path';
import type { Remark } from '../mirrored-path';
import { OWN_VENDOR, type StandardSchema } from '../standard-schema';
import { COMPLETION_PATTERN, isOfCouple, partnerOf } from './completion-path';
import { issueOfValue, ownTimeOfValue } from './completion-value';

/** By hand, not by zod: every event comes through here, and zod takes 60 ms to load. */
const completionValue: StandardSchema = {
  '~standard': {
    version: 1,
    vendor: OWN_VENDOR,
    validate(value) {
      const issue = issueOfValue(value as Json);
      return issue === null ? {} : { issues: [issue] };
    },
  },
};

const FOREIGN_USER: Remark = { kind: 'foreign_user', cause: 'unknown', severity: 'info' };

/** The pilot: what users completed. */
export const questCompletions = definePath({
  name: 'quest_completions',
  trigger: 'mirrorQuestCompletion',
  ref: COMPLETION_PATTERN,
  day: 'dateKey',
  columns: {
    partner_id: text((_value, { key }) => partnerOf(key.coupleId ?? '', key.userId ?? '')),
    // A completion that tells no sane time of its own was made when it was written.
    completed_at: instant((value, { eventTime }) => ownTimeOfValue(value, eventTime) ?? eventTime),
  },
  visibleTo: ['user_id', 'partner_id'],
  isGone: (value) => value === false,
  value: completionValue,
  canary: (ms) => ms,
  ignored: ['generatedAt', 'generatedBy', 'dateKey', 'progression'],
  remark: ({ coupleId, userId }) => (isOfCouple(coupleId, userId) ? null : FOREIGN_USER),
  erasureRule: 'quest_day',
});
