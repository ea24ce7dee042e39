import type { InvalidEvent, LeafEvent } from '../events/written-event';
import type { MirroredPath } from '../paths/mirrored-path';
import type { Divergence } from '../postgres/divergence-log';
import { typeName } from '../values/json';
import type { RtdbIdentity } from '../values/rtdb-identity';
import { asEvidence, textEvidence } from '../values/storable';
import { originDetail } from './refusals';

/** More of them are not remembered: a path has a few columns, and a function one other database at most. */
const MAX_REMEMBERED = 1_000;

/**
 * What is said once a day, or once an hour, however many events say it again. For this instance alone;
 * rows of several are one in the log.
 */
export class SaidOnce {
  readonly #said = new Set<string>();

  /**
   * Whether it is to be said now.
   *
   * @param span as many characters of the instant as tell the spans apart: 10 for a day, 13 for an hour
   */
  isDue(what: string, at: string, span: 10 | 13): boolean {
    const saying = `${at.slice(0, span)} ${what}`;
    if (this.#said.has(saying)) return false;
    if (this.#said.size >= MAX_REMEMBERED) this.#said.clear();
    this.#said.add(saying);
    return true;
  }
}

/** What people should know of a leaf that is mirrored all the same: its remark, and columns that drift. */
export function findingsOf(
  event: LeafEvent,
  mirrored: MirroredPath,
  said: SaidOnce,
  now: string,
): Divergence[] {
  const findings = event.after.drifted
    .filter((column) => said.isDue(`drift ${column}`, now, 10))
    .map((column) => valueDrift(event, column, mirrored));
  const remark = mirrored.remarkOf(event.leaf);
  if (remark === null) return findings;
  const { ref, eventId, eventTime } = event;
  return [
    ...findings,
    {
      ...remark,
      ...{ ref, eventId, eventTime },
      place: mirrored.placeOf(event.leaf),
      rtdbValue: asEvidence(event.after.payload),
      postgresValue: null,
      detail: originDetail(event.origin),
    },
  ];
}

/** The row for a column that shows nothing: its type can't hold what RTDB has. One a column. */
function valueDrift(event: LeafEvent, column: string, mirrored: MirroredPath): Divergence {
  return {
    kind: 'value_drift',
    cause: 'unknown',
    severity: 'warning',
    ref: `${mirrored.ref}#${column}`,
    place: { shard: null, day: null, key: null },
    rtdbValue: null,
    postgresValue: null,
    detail: {
      column,
      type: mirrored.columns[column] ?? null,
      payload: typeName(event.after.payload),
      latest_ref: textEvidence(event.ref, 4_096),
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
    kind: 'write_rejected',
    cause: 'other_database',
    severity: 'error',
    ref: textEvidence(`//${instance}.${host}`, 4_096),
    place: { shard: null, day: null, key: null },
    rtdbValue: null,
    postgresValue: null,
    detail: {
      instance: textEvidence(instance, 1_000),
      host: textEvidence(host, 1_000),
      latest_ref: textEvidence(ref, 4_096),
    },
    eventId,
    eventTime,
  };
}
