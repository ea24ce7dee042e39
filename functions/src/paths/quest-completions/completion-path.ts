import { EXPECTED_DATE, isSaneDate } from '../../values/event-time';
import type { InputIssue } from '../../values/json';
import { keyIssues } from '../../values/rtdb-key';

/** The keys of one completion: who completed which quest on which day. */
export interface CompletionKey {
  coupleId: string;
  /** The phone's local date, `YYYY-MM-DD`. */
  dateKey: string;
  questId: string;
  userId: string;
}

export interface CompletionLeaf extends CompletionKey {
  /** Null where the couple's id names nobody else, or not the user. */
  partnerId: string | null;
}

/** Where completions live; the trigger's pattern and every reader of RTDB are built on it. */
export const COMPLETION_PATTERN =
  'daily_quests/{coupleId}/{dateKey}/completions/{questId}/{userId}';

export type ParsedCompletionPath =
  | { ok: true; leaf: CompletionLeaf }
  | { ok: false; issues: InputIssue[] };

/**
 * Reads `daily_quests/{coupleId}/{dateKey}/completions/{questId}/{userId}`.
 *
 * @param asOf normalized instant of the write, or of the reading: no day lies far ahead of it
 */
export function parseCompletionPath(path: string, asOf: string): ParsedCompletionPath {
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
      issues: [{ field: 'ref', message: `expected ${COMPLETION_PATTERN}` }],
    };
  }
  const issues = [
    ...keyIssues('coupleId', coupleId),
    ...keyIssues('questId', questId),
    ...keyIssues('userId', userId),
  ];
  if (!isSaneDate(dateKey, asOf)) issues.push({ field: 'dateKey', message: EXPECTED_DATE });
  if (issues.length > 0) return { ok: false, issues };
  const partnerId = partnerOf(coupleId, userId);
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
function couplePath({ coupleId }: Pick<CompletionKey, 'coupleId'>): string {
  return `daily_quests/${coupleId}`;
}

/** Whether a couple's id names the user: begins with the user's id, or ends with it. */
export function isOfCouple(coupleId: string, userId: string): boolean {
  return beginsWith(coupleId, userId) || endsWith(coupleId, userId);
}

/**
 * The other user of a couple. A couple's id is both user ids, sorted and joined by `_`; user ids
 * may hold `_` themselves, so the id is never split: the user is cut from its front or its end.
 * Where both cuts are possible, the one that gives sorted ids is right.
 *
 * @returns the partner's id; null where the user isn't one of the couple, or its only one
 */
export function partnerOf(coupleId: string, userId: string): string | null {
  if (userId === '') return null;
  const fromFront = beginsWith(coupleId, userId) ? coupleId.slice(userId.length + 1) : '';
  const fromEnd = endsWith(coupleId, userId) ? coupleId.slice(0, -userId.length - 1) : '';
  if (fromFront !== '' && fromEnd !== '') return userId <= fromFront ? fromFront : fromEnd;
  return fromFront || fromEnd || null;
}

// No text is made for it: a backup asks for every row.

function beginsWith(coupleId: string, userId: string): boolean {
  return coupleId[userId.length] === '_' && coupleId.startsWith(userId);
}

function endsWith(coupleId: string, userId: string): boolean {
  return coupleId.at(-userId.length - 1) === '_' && coupleId.endsWith(userId);
}
