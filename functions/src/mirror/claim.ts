import type { DatedNode, Leaf, LeafState, MirroredPath } from '../paths/mirrored-path';
import { type RtdbIdentity, rtdbIdentity } from '../rtdb/rtdb-identity';
import { instantOfMillis, millisOf } from '../values/event-time';
import { type Json, type JsonObject, sizeOfJson } from '../values/json';
import { valueHash } from '../values/jsonb-text';
import { type LeafEvent, originDetail } from './leaf-event';

/** The value before a write: to find out whether an event is missing. */
export type Before =
  | { known: false }
  | { known: true; payload: Json }
  /** Of one that is too large to send; `mirror.value_hash` makes the same. */
  | { known: true; hash: string };

/**
 * A claim about the state of one row at one version, `(eventTime, eventId)`.
 * It wins, loses or ties against the row in the path's apply function, and nowhere else.
 */
export interface Claim {
  leaf: Leaf;
  ref: string;
  eventId: string;
  eventTime: string;
  /** RTDB's value; null leaves a tombstone. */
  payload: Json;
  /** What else the row shows, by column. */
  columns: JsonObject;
  before: Before;
  /** The payload was read from RTDB after a tie: it settles the tie. */
  settlesTie: boolean;
  /** Of a removal beyond retention: a row that no event wrote since then stays. */
  retainedBefore: string | null;
  /** Null where the event doesn't say. */
  source: RtdbIdentity | null;
  /** Who wrote, and where: kept with a divergence. */
  detail: JsonObject;
}

/** The value before a write doubles a claim; from this size on a hash of it tells as much. */
const MAX_BEFORE_BYTES = 8_192;

interface ClaimSettings {
  mirrored: MirroredPath;
  retentionDays: number;
}

/** What an event claims of its row. Pure. */
export function claimOf(event: LeafEvent, settings: ClaimSettings): Claim {
  const { leaf, ref, eventId, eventTime, after, before, origin } = event;
  const isRetired = retiredNodeOf(event, settings) !== null;
  return {
    leaf,
    ref,
    eventId,
    eventTime,
    payload: after.payload,
    columns: columnsOf(after, before),
    // Beyond retention the row may have outlived its leaf, so it says nothing about a missing event.
    before: isRetired && !after.gone ? { known: false } : beforeOf(before),
    settlesTie: false,
    retainedBefore:
      isRetired && after.gone ? retentionBound(eventTime, settings.retentionDays) : null,
    source: rtdbIdentity(origin.instance, origin.databaseHost),
    detail: originDetail(origin),
  };
}

/** The leaf's dated node where that lies beyond retention; else null. Pure. */
export function retiredNodeOf(
  { leaf, eventTime }: LeafEvent,
  { mirrored, retentionDays }: ClaimSettings,
): DatedNode | null {
  if (retentionDays === 0) return null;
  const node = mirrored.datedNodeOf(leaf);
  return node !== null && isBeyondRetention(node.day, eventTime, retentionDays) ? node : null;
}

/** A tombstone shows what the leaf that it buries showed. */
export function columnsOf(after: LeafState, before: LeafState | null): JsonObject {
  const isBurial = after.payload === null && before !== null && before.payload !== null;
  return isBurial ? before.columns : after.columns;
}

function beforeOf(before: LeafState | null): Before {
  if (before === null) return { known: false };
  const { payload } = before;
  return sizeOfJson(payload) > MAX_BEFORE_BYTES
    ? { known: true, hash: valueHash(payload) }
    : { known: true, payload };
}

const DAY_MS = 24 * 60 * 60 * 1000;
const EARLIEST_MS = Date.UTC(1000, 0, 1);

/**
 * Since when a row has to be written to be within retention: a leaf of an old day that was written since
 * then is a user's own, and so is its removal.
 *
 * @returns a normalized instant
 */
export function retentionBound(eventTime: string, retentionDays: number): string {
  const bound = millisOf(eventTime) - retentionDays * DAY_MS;
  // Retention may reach back beyond the years that Postgres and JS agree on.
  return instantOfMillis(Math.max(bound, EARLIEST_MS)) ?? eventTime;
}

/**
 * Whether a day lies beyond retention: a deletion there is the app's housekeeping, not a user's.
 *
 * @param dateKey the completion's day
 * @param eventTime instant of the write
 * @param retentionDays how many days old a day may be in RTDB; 0 = kept forever
 */
export function isBeyondRetention(
  dateKey: string,
  eventTime: string,
  retentionDays: number,
): boolean {
  if (retentionDays === 0) return false;
  const ageMs = millisOf(`${eventTime.slice(0, 10)}T00:00:00Z`) - millisOf(`${dateKey}T00:00:00Z`);
  return ageMs > retentionDays * DAY_MS;
}
