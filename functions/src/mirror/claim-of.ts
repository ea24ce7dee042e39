import type { DatedNode, LeafState, MirroredPath } from '../paths/mirrored-path';
import { rtdbIdentity } from '../rtdb/rtdb-identity';
import { type JsonObject, sizeOfJson } from '../values/json';
import { valueHash } from '../values/jsonb-text';
import type { Before, Claim } from './claims';
import { originDetail } from './refusals';
import { isBeyondRetention, retentionBound } from './retention';
import type { LeafEvent } from './written-event';

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
