import { z } from '@hono/zod-openapi';
import { claimableDays } from '../paths/quest-completions/claimable-days';
import {
  type CompletionLeaf,
  parseCompletionPath,
} from '../paths/quest-completions/completion-path';
import { saneInstant } from '../paths/quest-completions/completion-value';
import {
  DATE_PATTERN,
  EXPECTED_DATE,
  isSaneDate,
  normalizeInstant,
  TIME_PATTERN,
} from '../values/event-time';
import { MAX_KEY_BYTES, REFUSED_IN_KEY } from '../values/rtdb-key';
import { isStorable } from '../values/storable';
import type { FieldError } from './problem';

/** The other user's id: empty in couples that were paired without one, `_<user id>` in RTDB. */
const partnerIdSchema = z
  .string()
  .refine(
    (text) => !REFUSED_IN_KEY.test(text),
    'expected none of . $ # [ ] / and no control characters',
  )
  .refine(isStorable, 'expected text without lone surrogates')
  .refine(
    (text) => Buffer.byteLength(text) <= MAX_KEY_BYTES,
    `expected at most ${MAX_KEY_BYTES} bytes of UTF-8`,
  );

/** A user's or a quest's id, which is a key of RTDB's. */
export const rtdbKeySchema = partnerIdSchema.min(1, 'expected text, not empty');

/** The body of an old phone's second write (docs/client.md). */
export const claimBodySchema = z.object({
  quest_id: rtdbKeySchema.describe('Made on the phone, such as quest_1763618460006_quiz'),
  user_id: rtdbKeySchema.describe('Who completed the quest; the subject of the token'),
  partner_id: partnerIdSchema.describe(
    "The other user of the couple; empty where the couple's id names nobody else",
  ),
  timestamp: z
    .string()
    .regex(
      new RegExp(TIME_PATTERN),
      'expected an ISO 8601 date and time, such as 2025-11-20T06:01:00.006',
    )
    .describe(
      "The phone's local time, ISO 8601, with or without an offset; its first ten characters are " +
        'the day, a week old at most. Without an offset it is taken as UTC.',
    ),
});

export type ParsedClaim =
  | { ok: true; leaf: CompletionLeaf; completedAt: string }
  | { ok: false; errors: FieldError[] };

/**
 * Reads what a claim's body says. Pure.
 *
 * @param now normalized instant; a phone's time more than 48 h ahead of it counts as now
 */
export function parseClaim(
  { quest_id, user_id, partner_id, timestamp }: z.infer<typeof claimBodySchema>,
  now: string,
): ParsedClaim {
  const dateKey = timestamp.slice(0, 10);
  const { firstDay, lastDay } = claimableDays(new Date(now));
  if (dateKey < firstDay || dateKey > lastDay) {
    const message = `expected a day from ${firstDay} to ${lastDay}`;
    return { ok: false, errors: [{ field: 'timestamp', message }] };
  }
  const coupleId = coupleIdOf(user_id, partner_id);
  const path = parseCompletionPath(
    `daily_quests/${coupleId}/${dateKey}/completions/${quest_id}/${user_id}`,
    now,
  );
  if (!path.ok) return { ok: false, errors: path.issues.map(asBodyField) };
  if ((path.leaf.partnerId ?? '') !== partner_id) {
    const message = 'expected ids whose couple can be told apart';
    return { ok: false, errors: [{ field: 'partner_id', message }] };
  }
  const completedAt = saneInstant(normalizeInstant(timestamp), now) ?? now;
  return { ok: true, leaf: path.leaf, completedAt };
}

/** Both ids in the order of their UTF-16 units (as Dart and JavaScript sort), joined by `_`. */
export function coupleIdOf(userId: string, partnerId: string): string {
  return [userId, partnerId].sort().join('_');
}

const BODY_FIELDS: Record<string, string> = {
  dateKey: 'timestamp',
  questId: 'quest_id',
  userId: 'user_id',
  coupleId: 'partner_id',
};

function asBodyField({ field, message }: FieldError): FieldError {
  return { field: BODY_FIELDS[field] ?? 'body', message };
}

/** The query of the validation read. */
export const completionsQuerySchema = z.object({
  partner_id: partnerIdSchema.describe(
    "The other user of the couple; empty where the couple's id names nobody else",
  ),
  date: z
    .string()
    .regex(new RegExp(DATE_PATTERN), { error: EXPECTED_DATE, abort: true })
    .refine((day) => isSaneDate(day, new Date().toISOString()), EXPECTED_DATE)
    .describe('The day, YYYY-MM-DD'),
});
