import type { CompletionEvent, EventOrigin, InvalidEvent } from '../events/written-event';
import type { Divergence } from '../postgres/divergence-log';
import type { ClaimVerdict } from '../postgres/quest-completions';
import { dayPath } from '../quests/completion-path';
import type { InputIssue, Json, JsonObject } from '../values/json';
import { asEvidence, escapeText } from '../values/storable';

/** The row for an event that is no completion: which fields, and what was expected. */
export function invalidPayload(event: InvalidEvent): Divergence {
  const { key } = event;
  const escaped = (part: string | null) => (part === null ? null : escapeText(part));
  return {
    ref: escapeText(event.ref),
    key: {
      coupleId: escaped(key.coupleId),
      dateKey: key.dateKey,
      questId: escaped(key.questId),
      userId: escaped(key.userId),
    },
    kind: 'invalid_payload',
    cause: 'rejected',
    severity: 'error',
    rtdbValue: asEvidence(event.value),
    postgresValue: null,
    detail: {
      issues: event.issues.map(({ field, message }) => ({ field: escapeText(field), message })),
      ...originDetail(event.origin),
    },
    eventId: event.eventId,
    eventTime: event.eventTime,
  };
}

/** The row for a value that RTDB showed on being read again, and that is no completion. */
export function invalidReading(
  event: CompletionEvent,
  value: Json,
  issues: InputIssue[],
): Divergence {
  const { ref, leaf, eventId, eventTime, origin } = event;
  return invalidPayload({
    kind: 'invalid',
    ref,
    key: leaf,
    eventId,
    eventTime,
    value,
    issues,
    origin,
  });
}

/** The row for a completion that Postgres refuses for good. */
export function writeRejected(
  event: CompletionEvent,
  sqlstate: string | null,
  message: string,
): Divergence {
  return {
    ...common(event),
    ref: event.ref,
    key: event.leaf,
    kind: 'write_rejected',
    cause: 'rejected',
    severity: 'error',
    rtdbValue: event.after.completed ? asEvidence(event.after.payload) : null,
    postgresValue: null,
    detail: { sqlstate, message: escapeText(message), ...originDetail(event.origin) },
  };
}

/** The row for deletions beyond retention: one for a couple's day, however many leaves it held. */
export function retainedDeletion(event: CompletionEvent, retentionDays: number): Divergence {
  return {
    ...common(event),
    ref: dayPath(event.leaf),
    key: { ...event.leaf, questId: null, userId: null },
    kind: 'missing_in_rtdb',
    cause: 'retention',
    severity: 'info',
    rtdbValue: null,
    postgresValue: null,
    detail: { retention_days: retentionDays },
  };
}

/** The row for a tie that nothing can settle: the event names no database that could be read. */
export function unsettledTie(event: CompletionEvent): Divergence {
  return {
    ...common(event),
    ref: event.ref,
    key: event.leaf,
    kind: 'value_mismatch',
    cause: 'unknown',
    severity: 'warning',
    rtdbValue: event.after.completed ? asEvidence(event.after.payload) : null,
    postgresValue: null,
    detail: { tied: true, ...originDetail(event.origin) },
  };
}

/** The row for an event that came after a newer one: the row stays, and is right. */
export function outOfOrder(
  event: CompletionEvent,
  { newer, rowEventId, lagMs }: ClaimVerdict,
): Divergence {
  return {
    ...common(event),
    ref: event.ref,
    key: event.leaf,
    kind: 'out_of_order',
    cause: 'race',
    severity: 'info',
    rtdbValue: event.after.completed ? asEvidence(event.after.payload) : null,
    postgresValue: asEvidence(newer?.payload ?? null),
    detail: {
      lateness_ms: lagMs,
      behind_ms: newer?.behindMs ?? null,
      row_event_id: rowEventId,
      ...originDetail(event.origin),
    },
  };
}

/** What an event tells about its writer, as evidence; left out where it tells nothing. */
export function originDetail(origin: EventOrigin): JsonObject {
  const detail: JsonObject = {};
  if (origin.instance !== null) detail.instance = origin.instance;
  if (origin.authType !== 'unknown') detail.auth_type = origin.authType;
  if (origin.authId !== null) detail.auth_id = origin.authId;
  return detail;
}

function common(event: CompletionEvent) {
  return { eventId: event.eventId, eventTime: event.eventTime };
}
