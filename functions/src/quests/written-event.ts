import { z } from 'zod';
import { type CompletionLeaf, type PartialKey, parseCompletionPath } from './completion-path';
import { type CompletionState, parseCompletionValue } from './completion-value';
import { pathOfRef } from './event-ref';
import { normalizeInstant } from './event-time';
import type { InputIssue, Json } from './json';
import { canonicalValue } from './rtdb-value';
import { isStorable } from './storable';

/** What is known of an event apart from the completion itself: evidence for the log. */
export interface EventOrigin {
  instance: string | null;
  databaseHost: string | null;
  authType: string;
  authId: string | null;
}

/** One write of a completion's leaf: a claim about its state at a version. */
export interface CompletionEvent {
  kind: 'completion';
  ref: string;
  leaf: CompletionLeaf;
  eventId: string;
  /** Normalized instant of the write. */
  eventTime: string;
  after: CompletionState;
  /** The state before the write; null where it was a value that the mirror refuses. */
  before: CompletionState | null;
  origin: EventOrigin;
}

/** A write that can't be mirrored, now or later. */
export interface InvalidEvent {
  kind: 'invalid';
  ref: string;
  key: PartialKey;
  eventId: string | null;
  eventTime: string | null;
  value: Json;
  issues: InputIssue[];
  origin: EventOrigin;
}

const EXPECTED_TEXT = 'expected text, not empty, without U+0000 and lone surrogates';
const EXPECTED_TIME = 'expected an ISO 8601 date and time';

const text = z
  .string({ error: EXPECTED_TEXT })
  .min(1, EXPECTED_TEXT)
  .refine(isStorable, EXPECTED_TEXT);

/**
 * The CloudEvent as firebase-functions hands it to an `onValueWritten` handler; unknown attributes
 * are ignored. Source: firebase-functions, `DatabaseEvent<Change<DataSnapshot>>`.
 */
const envelopeSchema = z.object({
  id: text,
  time: z.string({ error: EXPECTED_TIME }).transform((time, context) => {
    const instant = normalizeInstant(time);
    if (instant === null) context.addIssue(EXPECTED_TIME);
    return instant ?? z.NEVER;
  }),
  hasData: z.literal(true, { error: 'expected the value before the write and the change' }),
});

const originSchema = z.object({
  instance: text.nullable().catch(null),
  databaseHost: text.nullable().catch(null),
  // May be missing from delivered events (firebase-functions issue 1889): never a reason to refuse.
  authType: text.catch('unknown'),
  authId: text.nullable().catch(null),
});

/** What a trigger's handler has in hand: the event, with its two snapshots read. */
export interface WrittenEvent {
  id: unknown;
  time: unknown;
  ref: unknown;
  /** Whether the CloudEvent came in structured mode; see {@link pathOfRef}. */
  structured: boolean;
  /** Whether it brought data at all. */
  hasData: boolean;
  before: unknown;
  after: unknown;
  instance: unknown;
  databaseHost: unknown;
  authType: unknown;
  authId: unknown;
}

/**
 * Reads a write event. Pure; never throws.
 *
 * @returns the completion it claims, or all that is wrong with it, field by field
 */
export function parseWrittenEvent(event: WrittenEvent): CompletionEvent | InvalidEvent {
  const ref = typeof event.ref === 'string' ? pathOfRef(event.ref, event.structured) : '';
  const origin = originSchema.parse(event);
  const envelope = envelopeSchema.safeParse(event);
  const path = parseCompletionPath(ref);
  // A time is only needed to date a value without one; any does for finding out what is wrong.
  const eventTime = envelope.data?.time ?? '1970-01-01T00:00:00.000000Z';
  const after = parseCompletionValue(event.after, eventTime);
  if (envelope.success && path.ok && after.ok) {
    const before = parseCompletionValue(event.before, eventTime);
    return {
      kind: 'completion',
      ref,
      leaf: path.leaf,
      eventId: envelope.data.id,
      eventTime: envelope.data.time,
      after: after.state,
      before: before.ok ? before.state : null,
      origin,
    };
  }
  const issues = (envelope.error?.issues ?? []).map((issue) => ({
    field: issue.path[0] === 'hasData' ? 'data' : issue.path.join('.'),
    message: issue.message,
  }));
  if (!path.ok) issues.push(...path.issues);
  if (!after.ok) issues.push(...after.issues);
  return {
    kind: 'invalid',
    ref,
    key: path.ok ? path.leaf : path.key,
    eventId: text.safeParse(event.id).data ?? null,
    eventTime: typeof event.time === 'string' ? normalizeInstant(event.time) : null,
    value: canonicalValue(event.after),
    issues,
    origin,
  };
}
