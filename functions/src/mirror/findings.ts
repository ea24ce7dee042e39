import type { Divergence } from '../divergences/divergence-log';
import type { MirroredPath } from '../paths/mirrored-path';
import type { RtdbIdentity } from '../rtdb/rtdb-identity';
import { typeName } from '../values/json';
import { asEvidence, textEvidence } from '../values/storable';
import { originDetail } from './refusals';
import type { InvalidEvent, LeafEvent } from './written-event';

/** More of them are not remembered: a path has a few columns, and a function one other database at most. */
const MAX_REMEMBERED = 1_000;

/**
 * What is said once a day, or once an hour, however many events say it again. For this instance alone;
 * rows of several are one in the log.
 */
export class SaidOnce {
  readonly #said = new Set<string>();

  /**
   * Says it, unless that was done. What fails was not said: the event's redelivery says it.
   *
   * @param span as many characters of the instant as tell the spans apart: 10 for a day, 13 for an hour
   */
  async say(what: string, at: string, span: 10 | 13, record: () => Promise<void>): Promise<void> {
    const saying = `${at.slice(0, span)} ${what}`;
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
