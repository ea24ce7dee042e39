import type { Divergence } from '../divergences/divergence-log';
import { classified } from '../divergences/vocabulary';
import type { DatedNode, LogPlace, MirroredPath } from '../paths/mirrored-path';
import type { RtdbIdentity } from '../rtdb/rtdb-identity';
import { type InputIssue, type Json, typeName } from '../values/json';
import { asEvidence, textEvidence } from '../values/storable';
import type { ClaimVerdict } from './apply-claims';
import { type InvalidEvent, type LeafEvent, originDetail } from './leaf-event';

/** Longer than any ref and key of RTDB: only an event that is none of its own has such. */
const MAX_REF_BYTES = 4_096;
const MAX_KEY_BYTES = 1_024;
const MAX_TEXT_BYTES = 1_000;

/** The row for an event that is no write of a leaf: which fields, and what was expected. */
export function invalidPayload(event: InvalidEvent): Divergence {
  return {
    ref: textEvidence(event.ref, MAX_REF_BYTES),
    place: storablePlace(event.place),
    ...classified('invalid_payload', 'rejected'),
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
    ...classified('write_rejected', 'rejected'),
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
    ...classified('missing_in_rtdb', 'retention'),
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
    ...classified('value_mismatch', 'unknown'),
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
    ...classified('out_of_order', 'race'),
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

/** The row for what people should know of a leaf that is mirrored all the same; null = nothing. */
export function remarkOn(event: LeafEvent, mirrored: MirroredPath): Divergence | null {
  const remark = mirrored.remarkOf(event.leaf);
  if (remark === null) return null;
  const { ref, eventId, eventTime } = event;
  return {
    ...remark,
    ...{ ref, eventId, eventTime },
    place: mirrored.placeOf(event.leaf),
    rtdbValue: asEvidence(event.after.payload),
    postgresValue: null,
    detail: originDetail(event.origin),
  };
}

/** The row for a column that shows nothing: its type can't hold what RTDB has. One a column. */
export function valueDrift(event: LeafEvent, column: string, mirrored: MirroredPath): Divergence {
  return {
    ...classified('value_drift', 'unknown'),
    ref: `${mirrored.ref}#${column}`,
    place: { shard: null, day: null, key: null },
    rtdbValue: null,
    postgresValue: null,
    detail: {
      column,
      type: mirrored.columns[column] ?? null,
      payload: typeName(event.after.payload),
      latest_ref: textEvidence(event.ref, MAX_REF_BYTES),
    },
    eventId: event.eventId,
    eventTime: event.eventTime,
  };
}

/** The row for writes of another RTDB than this database mirrors. One a database. */
export function otherDatabase(
  { ref, eventId, eventTime }: InvalidEvent | LeafEvent,
  { instance, host }: RtdbIdentity,
): Divergence {
  return {
    ...classified('write_rejected', 'other_database'),
    ref: textEvidence(`//${instance}.${host}`, MAX_REF_BYTES),
    place: { shard: null, day: null, key: null },
    rtdbValue: null,
    postgresValue: null,
    detail: {
      instance: textEvidence(instance, MAX_TEXT_BYTES),
      host: textEvidence(host, MAX_TEXT_BYTES),
      latest_ref: textEvidence(ref, MAX_REF_BYTES),
    },
    eventId,
    eventTime,
  };
}

function versionOf(event: LeafEvent) {
  return { eventId: event.eventId, eventTime: event.eventTime };
}

/** More of them are not remembered: a path has a few columns, and a function one other database at most. */
const MAX_REMEMBERED = 1_000;

/**
 * What is said once a day, or once an hour, however many events say it again. For this instance alone;
 * rows of several are one in the log.
 */
export class SaidOnce {
  readonly #said = new Set<string>();

  /** Says it, unless that was done. What fails was not said: the event's redelivery says it. */
  async say(what: string, every: 'day' | 'hour', record: () => Promise<void>): Promise<void> {
    const now = new Date().toISOString();
    const saying = `${now.slice(0, every === 'day' ? 10 : 13)} ${what}`;
    if (this.#said.has(saying)) return;
    if (this.#said.size >= MAX_REMEMBERED) this.#said.clear();
    // Now, or all that are on their way would say it.
    this.#said.add(saying);
    try {
      await record();
    } catch (error) {
      this.#said.delete(saying);
      throw error;
    }
  }
}
