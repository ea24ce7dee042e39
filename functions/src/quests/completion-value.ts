import { z } from 'zod';
import { instantOfMillis, millisOf, normalizeInstant } from '../values/event-time';
import { type InputIssue, type Json, typeName } from '../values/json';
import { canonicalValue } from '../values/rtdb-value';
import { findUnstorable } from '../values/storable';

/** A leaf's state: completed, with RTDB's value; or not, because it is gone or `false`. */
export type CompletionState =
  | { completed: true; completedAt: string; payload: Json }
  | { completed: false; gone: boolean };

export type ParsedValue =
  | { ok: true; state: CompletionState }
  | { ok: false; value: Json; issues: InputIssue[] };

/** A phone's clock may be ahead of the server's, and its date a zone ahead; more is not sane. */
export const MAX_AHEAD_MS = 48 * 60 * 60 * 1000;

const EXPECTED_VALUE =
  'expected true, false, null, a number (milliseconds since 1970) or an object with completedAt';

const valueSchema = z.union([
  z.boolean(),
  z.number(),
  z.looseObject({
    completedAt: z.union([z.number(), z.iso.datetime({ offset: true, local: true })]),
  }),
]);

/**
 * Reads what RTDB holds at a completion's leaf (docs/client.md).
 *
 * @param raw the value as a snapshot, REST or an export shows it
 * @param eventTime normalized instant of the write; it dates a completion that has no sane time of
 *   its own (`true`, or a time more than 48 h ahead, before 1970, or that no date can hold)
 */
export function parseCompletionValue(raw: unknown, eventTime: string): ParsedValue {
  // What nearly every event brings.
  if (raw === true)
    return { ok: true, state: { completed: true, completedAt: eventTime, payload: true } };
  const value = canonicalValue(raw);
  if (value === null || value === false)
    return { ok: true, state: { completed: false, gone: value === null } };
  const unstorable = findUnstorable(value, 'value');
  if (unstorable !== null) {
    const message = 'expected text without U+0000 and lone surrogates, which jsonb refuses';
    return { ok: false, value, issues: [{ field: unstorable, message }] };
  }
  const parsed = valueSchema.safeParse(value);
  if (!parsed.success) return { ok: false, value, issues: [issueOf(value)] };
  return {
    ok: true,
    state: {
      completed: true,
      completedAt: ownTime(parsed.data, eventTime) ?? eventTime,
      payload: value,
    },
  };
}

function issueOf(value: Json): InputIssue {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { field: 'value', message: `${EXPECTED_VALUE}; got ${typeName(value)}` };
  }
  const got = value.completedAt === undefined ? 'nothing' : typeName(value.completedAt);
  return {
    field: 'value.completedAt',
    message: `expected a number (milliseconds since 1970) or ISO 8601 text; got ${got}`,
  };
}

function ownTime(value: z.infer<typeof valueSchema>, eventTime: string): string | null {
  if (typeof value === 'boolean') return null;
  const claimed = typeof value === 'number' ? value : value.completedAt;
  const instant =
    typeof claimed === 'number' ? instantOfMillis(claimed) : normalizeInstant(claimed);
  if (instant === null) return null;
  const ms = millisOf(instant);
  return ms >= 0 && ms - millisOf(eventTime) <= MAX_AHEAD_MS ? instant : null;
}
