import type { LogKey, ParsedPath } from '../events/mirrored-path';
import { keyIssues } from '../values/rtdb-key';
import { FIRST_YEAR, isRealDate, isSaneDate } from '../values/time-grammar';
import { partnerOf } from './partner';

/** The keys of one completion: who completed which quest on which day. */
export interface CompletionKey {
  coupleId: string;
  /** The phone's local date, `YYYY-MM-DD`. */
  dateKey: string;
  questId: string;
  userId: string;
}

export interface CompletionLeaf extends CompletionKey {
  partnerId: string;
}

/** Where completions live; the trigger's pattern and every reader of RTDB are built on it. */
export const COMPLETION_PATTERN =
  'daily_quests/{coupleId}/{dateKey}/completions/{questId}/{userId}';

/** What a day must be; {@link isSaneDate}. */
export const EXPECTED_DATE = `expected a calendar date that exists, YYYY-MM-DD, Gregorian, of the years ${FIRST_YEAR} to next year`;

const NO_KEY: LogKey = { coupleId: null, dateKey: null, questId: null, userId: null };

/**
 * Reads `daily_quests/{coupleId}/{dateKey}/completions/{questId}/{userId}`.
 *
 * @param asOf normalized instant of the write, or of the reading: no day lies far ahead of it
 */
export function parseCompletionPath(path: string, asOf: string): ParsedPath<CompletionLeaf> {
  const segments = path.split('/');
  const [root, coupleId, dateKey, completions, questId, userId] = segments;
  if (
    segments.length !== 6 ||
    root !== 'daily_quests' ||
    completions !== 'completions' ||
    !coupleId ||
    !dateKey ||
    !questId ||
    !userId
  ) {
    return {
      ok: false,
      key: NO_KEY,
      issues: [{ field: 'ref', message: `expected ${COMPLETION_PATTERN}` }],
    };
  }
  const issues = [
    ...keyIssues('coupleId', coupleId),
    ...keyIssues('questId', questId),
    ...keyIssues('userId', userId),
  ];
  if (!isSaneDate(dateKey, asOf)) issues.push({ field: 'dateKey', message: EXPECTED_DATE });
  const partnerId = partnerOf(coupleId, userId);
  if (partnerId === null) {
    issues.push({ field: 'userId', message: 'expected one of the two users in coupleId' });
  }
  if (issues.length > 0 || partnerId === null) {
    const date = isRealDate(dateKey) ? dateKey : null;
    return { ok: false, key: { coupleId, dateKey: date, questId, userId }, issues };
  }
  return { ok: true, leaf: { coupleId, dateKey, questId, userId, partnerId } };
}

/** The path of a completion's leaf. */
export function completionPath(key: CompletionKey): string {
  return `${dayPath(key)}/completions/${key.questId}/${key.userId}`;
}

/** The path of a couple's day. */
export function dayPath(key: Pick<CompletionKey, 'coupleId' | 'dateKey'>): string {
  return `${couplePath(key)}/${key.dateKey}`;
}

/** The path of a couple's quests. */
export function couplePath({ coupleId }: Pick<CompletionKey, 'coupleId'>): string {
  return `daily_quests/${coupleId}`;
}
