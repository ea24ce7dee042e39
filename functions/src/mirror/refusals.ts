import type { Divergence } from '../divergences/divergence-log';
import type { DatedNode, LogPlace, MirroredPath } from '../paths/mirrored-path';
import type { InputIssue, Json, JsonObject } from '../values/json';
import { asEvidence, textEvidence } from '../values/storable';
import type { ClaimVerdict } from './claims';
import type { EventOrigin, InvalidEvent, LeafEvent } from './written-event';

/** Longer than any ref and key of RTDB: only an event that is none of its own has such. */
const MAX_REF_BYTES = 4_096;
const MAX_KEY_BYTES = 1_024;
const MAX_TEXT_BYTES = 1_000;

/** The row for an event that is no write of a leaf: which fields, and what was expected. */
export function invalidPayload(event: InvalidEvent): Divergence {
  return {
    ref: textEvidence(event.ref, MAX_REF_BYTES),
    place: storablePlace(event.place),
    kind: 'invalid_payload',
    cause: 'rejected',
    severity: 'error',
    rtdbValue: asEvidence(event.value),
    postgresValue: null,
    detail: {
      issues: event.issues.map(({ field, message }) => ({
        field: textEvidence(field, MAX_TEXT_BYTES),
        message,
      })),
      ...originDetail(event.origin),
    },
    eventId: event.eventId,
    eventTime: event.eventTime,
  };
}

/** Parts of a ref that is no leaf's may be any text. */
function storablePlace({ shard, day, key }: LogPlace): LogPlace {
  const escaped = (part: unknown) => textEvidence(String(part), MAX_KEY_BYTES);
  return {
    shard: shard === null ? null : escaped(shard),
    day,
    key:
      key &&
      Object.fromEntries(Object.entries(key).map(([column, part]) => [column, escaped(part)])),
  };
}

/** The row for a value that RTDB showed on being read again, and that the path does not know. */
export function invalidReading(
  event: LeafEvent,
  value: Json,
  issues: InputIssue[],
  mirrored: MirroredPath,
): Divergence {
  const { ref, leaf, eventId, eventTime, origin } = event;
  return invalidPayload({
    kind: 'invalid',
    ref,
    place: mirrored.placeOf(leaf),
    eventId,
    eventTime,
    value,
    issues,
    origin,
  });
}

/** The row for a leaf that Postgres refuses for good. */
export function writeRejected(
  event: LeafEvent,
  sqlstate: string | null,
  message: string,
  mirrored: MirroredPath,
): Divergence {
  return {
    ...versionOf(event),
    ref: event.ref,
    place: mirrored.placeOf(event.leaf),
    kind: 'write_rejected',
    cause: 'rejected',
    severity: 'error',
    rtdbValue: asEvidence(event.after.payload),
    postgresValue: null,
    detail: {
      sqlstate,
      message: textEvidence(message, MAX_TEXT_BYTES),
      ...originDetail(event.origin),
    },
  };
}

/** The row for deletions beyond retention: one for a dated node, however many leaves it held. */
export function retainedDeletion(
  event: LeafEvent,
  node: DatedNode,
  retentionDays: number,
): Divergence {
  return {
    ...versionOf(event),
    ref: node.ref,
    place: node.place,
    kind: 'missing_in_rtdb',
    cause: 'retention',
    severity: 'info',
    rtdbValue: null,
    postgresValue: null,
    detail: { retention_days: retentionDays },
  };
}

/** The row for a tie that nothing can settle: the event names no database that could be read. */
export function unsettledTie(event: LeafEvent, mirrored: MirroredPath): Divergence {
  return {
    ...versionOf(event),
    ref: event.ref,
    place: mirrored.placeOf(event.leaf),
    kind: 'value_mismatch',
    cause: 'unknown',
    severity: 'warning',
    rtdbValue: asEvidence(event.after.payload),
    postgresValue: null,
    detail: { tied: true, ...originDetail(event.origin) },
  };
}

/** The row for an event that came after a newer one: the row stays, and is right. */
export function outOfOrder(
  event: LeafEvent,
  { newer, rowEventId, lagMs }: ClaimVerdict,
  mirrored: MirroredPath,
): Divergence {
  return {
    ...versionOf(event),
    ref: event.ref,
    place: mirrored.placeOf(event.leaf),
    kind: 'out_of_order',
    cause: 'race',
    severity: 'info',
    rtdbValue: asEvidence(event.after.payload),
    postgresValue: newer?.payload ?? null,
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
  const { instance, authType, authId } = origin;
  if (instance !== null) detail.instance = textEvidence(instance, MAX_TEXT_BYTES);
  if (authType !== 'unknown') detail.auth_type = textEvidence(authType, MAX_TEXT_BYTES);
  if (authId !== null) detail.auth_id = textEvidence(authId, MAX_TEXT_BYTES);
  return detail;
}

function versionOf(event: LeafEvent) {
  return { eventId: event.eventId, eventTime: event.eventTime };
}
