import { instantOfMillis, isTimeText, millisOf, normalizeInstant } from '../../values/event-time';
import { type InputIssue, type Json, typeName } from '../../values/json';
import { canonicalValue } from '../../values/rtdb-value';
import { findUnstorable, unstorableIssue } from '../../values/storable';

/** A leaf's state: completed, with RTDB's value; or not, because it is gone or `false`. */
export type CompletionState =
  | { completed: true; completedAt: string; payload: Json }
  | { completed: false; gone: boolean };

export type ParsedValue =
  | { ok: true; state: CompletionState }
  | { ok: false; value: Json; issues: InputIssue[] };

/** A phone's clock may be ahead of the server's, and its date a zone ahead; more is not sane. */
const MAX_AHEAD_MS = 48 * 60 * 60 * 1000;
/** 1973 in milliseconds. A number below it is most likely a time in seconds (until the year 5138). */
const MIN_SANE_MS = 1e11;

const EXPECTED_VALUE =
  'expected true, false, null, a number (milliseconds since 1970) or an object with completedAt';

/**
 * Reads what RTDB holds at a completion's leaf (docs/client.md). By hand, not by zod: every event
 * comes through here.
 *
 * @param raw the value as a snapshot, REST or an export shows it
 * @param eventTime normalized instant of the write; it dates a completion that has no sane time of
 *   its own
 */
export function parseCompletionValue(raw: unknown, eventTime: string): ParsedValue {
  const value = canonicalValue(raw);
  if (value === null || value === false)
    return { ok: true, state: { completed: false, gone: value === null } };
  const unstorable = findUnstorable(value, 'value');
  if (unstorable !== null) return { ok: false, value, issues: [unstorableIssue(unstorable)] };
  const issue = issueOfValue(value);
  if (issue !== null) {
    const field = ['value', ...issue.path].join('.');
    return { ok: false, value, issues: [{ field, message: issue.message }] };
  }
  const completedAt = ownTimeOfValue(value, eventTime) ?? eventTime;
  return { ok: true, state: { completed: true, completedAt, payload: value } };
}

/**
 * The time that a completion's value itself tells, as a normalized instant; null where it tells none
 * that is sane: `true`, seconds, a time before 1973 or more than 48 h ahead, or that no date can hold.
 *
 * @param asOf normalized instant of the write, or of the reading
 */
export function ownTimeOfValue(value: unknown, asOf: string): string | null {
  const claimed = claimedTime(value);
  if (typeof claimed === 'number') return saneInstant(instantOfMillis(claimed), asOf);
  return typeof claimed === 'string' ? saneInstant(normalizeInstant(claimed), asOf) : null;
}

/** A time that a phone tells, where it is sane; else null. */
export function saneInstant(instant: string | null, asOf: string): string | null {
  if (instant === null) return null;
  const ms = millisOf(instant);
  return ms >= MIN_SANE_MS && ms - millisOf(asOf) <= MAX_AHEAD_MS ? instant : null;
}

function claimedTime(value: unknown): unknown {
  if (isObject(value)) return value.completedAt;
  return typeof value === 'number' ? value : undefined;
}

/** What is wrong with a value that is not gone; null = nothing. */
export function issueOfValue(value: Json): { path: string[]; message: string } | null {
  if (!isObject(value)) {
    if (typeof value === 'boolean' || typeof value === 'number') return null;
    return { path: [], message: `${EXPECTED_VALUE}; got ${typeName(value)}` };
  }
  const { completedAt } = value;
  if (typeof completedAt === 'number') return null;
  if (typeof completedAt === 'string' && isTimeText(completedAt)) return null;
  return {
    path: ['completedAt'],
    message:
      'expected a number (milliseconds since 1970) or an ISO 8601 date and time, such as ' +
      `2025-11-20T06:01:00.006Z; got ${completedAt === undefined ? 'nothing' : gotOf(completedAt)}`,
  };
}

function gotOf(value: unknown): string {
  return typeof value === 'string' ? 'other text' : typeName(value);
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
