import type { Cause } from '../divergences/vocabulary';
import { isBeyondRetention, retentionBound } from '../mirror/claim';
import { instantOfMillis, millisOf } from '../values/event-time';
import type { JsonObject } from '../values/json';
import { canonicalValue, isSameValue } from '../values/rtdb-value';
import { asEvidence } from '../values/storable';
import type { Circumstances, PastWrite, ShardEvidence } from './circumstances';
import type { Row } from './compare-key';
import {
  coverageOf,
  covers,
  endMs,
  isFailure,
  isFlagged,
  isOff,
  overlapMs,
  type Span,
  touches,
} from './gap-span';

/** Why a key differs, what speaks for it, and what might also have led to it. */
export interface Judgement {
  cause: Cause;
  evidence: JsonObject;
  /** What touches the time in which it was written, and doesn't cover it. */
  possible: JsonObject[];
}

type Found = Pick<Judgement, 'cause' | 'evidence'> | null;
type Rule = (known: Circumstances) => Found;

/**
 * The rules in order: the first that has evidence tells the cause. What the key's own record says comes before
 * what only the time suggests.
 */
const RULES: readonly Rule[] = [
  clientOnly,
  refused,
  directWrite,
  truncated,
  writeRejected,
  race,
  restored,
  retention,
  overwritten,
  beforeMirroring,
  flagDisabled,
  heldUp,
  retriesExhausted,
];

/** Payloads agree, so an event brought it: only a write past the mirror leaves columns that differ. */
const RULES_OF_COLUMNS: readonly Rule[] = [directWrite];

/** The cause that evidence within the bounds tells; `unknown` where none fits. Pure. */
export function causeOf(known: Circumstances): Judgement {
  for (const rule of known.kind === 'column_mismatch' ? RULES_OF_COLUMNS : RULES) {
    const found = rule(known);
    if (found !== null) return { ...found, possible: [] };
  }
  const possible = known.kind === 'column_mismatch' ? [] : touching(known);
  return { cause: 'unknown', evidence: {}, possible };
}

function clientOnly({ kind }: Circumstances): Found {
  if (kind !== 'client_only') return null;
  return { cause: 'client_without_rtdb', evidence: { row_origin: 'client' } };
}

/** The mirror refuses what RTDB holds. */
function refused({ compared }: Circumstances): Found {
  const fields = (compared?.refusals ?? []).map(({ field }) => field);
  return fields.length === 0 ? null : { cause: 'rejected', evidence: { refused: 'value', fields } };
}

/** Somebody wrote the row past the mirror within the bounds, and it stands as they left it. */
function directWrite(known: Circumstances): Found {
  const { direct } = known.key;
  if (direct === null || !canHaveBeen(direct.at, known)) return null;
  if (!direct.isChange && known.kind !== 'column_mismatch') return null;
  if (!standsAsLeft(direct, known)) return null;
  const { operation, writtenBy, at } = direct;
  return {
    cause: 'direct_postgres_write',
    evidence: { operation, written_by: writtenBy, written_at: at },
  };
}

function standsAsLeft(direct: PastWrite, { compared, isOver }: Circumstances): boolean {
  const isDelete = direct.operation === 'delete';
  if (isOver) return isDelete;
  const row = compared?.row ?? null;
  if (row === null) return isDelete;
  if (isDelete || row.mirroredAt > direct.at) return false;
  return isSameValue(canonicalValue(asEvidence(row.payload)), canonicalValue(direct.newPayload));
}

/**
 * The table was emptied within the bounds, and nobody has written the row since. Of which rows it had, nothing tells:
 * where mirroring may have been off as well, either may be why.
 */
function truncated(known: Circumstances): Found {
  const emptied = emptyingOf(known);
  if (emptied === null || mayBeOff(known)) return null;
  const { at, writtenBy } = emptied;
  return {
    cause: 'direct_postgres_write',
    evidence: { operation: 'truncate', written_by: writtenBy, written_at: at },
  };
}

function emptyingOf(known: Circumstances): ShardEvidence['truncated'] {
  const { truncated: emptied } = known.shard;
  if (emptied === null || known.kind !== 'missing_in_postgres') return null;
  if (!canHaveBeen(emptied.at, known)) return null;
  return known.isOver || (known.compared?.row ?? null) === null ? emptied : null;
}

function mayBeOff(known: Circumstances): boolean {
  const span = spanOf(known);
  return known.shard.gaps.some(
    (gap) => isFlagged(gap) && gap.isOut !== false && overlapMs(gap, span) > 0,
  );
}

/** Postgres, or the mirror, refused this very value, and the row was not written since. */
function writeRejected({ compared, key, writtenAfter }: Circumstances): Found {
  if (compared === null) return null;
  const present = asEvidence(compared.rtdb);
  const refusal = key.logged.find(
    ({ kind, rtdbValue, lastSeenAt }) =>
      (kind === 'write_rejected' || kind === 'invalid_payload') &&
      isSameValue(canonicalValue(rtdbValue), canonicalValue(present)) &&
      (compared.row === null || compared.row.mirroredAt <= lastSeenAt) &&
      (writtenAfter === null || lastSeenAt > writtenAfter),
  );
  if (refusal === undefined) return null;
  return { cause: 'rejected', evidence: { refused: 'write', divergence_id: refusal.id } };
}

/** What lost against the row that stands, by a time that tells no order, is what RTDB shows. */
function race({ compared, key, writtenAfter, times }: Circumstances): Found {
  const row = compared?.row ?? null;
  if (compared === null || row?.eventTime == null) return null;
  const { eventId, eventTime } = row;
  const present = canonicalValue(asEvidence(compared.rtdb));
  const lost = key.logged.find(
    (one) =>
      (writtenAfter === null || one.lastSeenAt > writtenAfter) &&
      isSameValue(canonicalValue(one.rtdbValue), present) &&
      (one.isTie
        ? one.eventTime === eventTime
        : one.kind === 'out_of_order' &&
          one.rowEventId === eventId &&
          one.eventTime !== null &&
          millisOf(eventTime) - millisOf(one.eventTime) <= times.clockPrecisionMs),
  );
  if (lost === undefined) return null;
  return {
    cause: 'race',
    evidence: { divergence_id: lost.id, lost_event_time: lost.eventTime, tied: lost.isTie },
  };
}

/**
 * One of the stores was set back within the bounds, and no later event has written the row since. One that was held up
 * may have: the restore removed what came after it in RTDB all the same.
 */
function restored(known: Circumstances): Found {
  const row = known.isOver ? null : (known.compared?.row ?? null);
  const gap = known.shard.gaps.find(
    (one) =>
      one.reason === 'restored' &&
      touches(one, spanOf(known, false)) &&
      (row === null || one.toAt === null || !isEventAfter(one.toAt, row)) &&
      (one.toAt === null || !isOlderThanValue(one.toAt, known)),
  );
  return gap === undefined ? null : { cause: 'restored', evidence: coverageOf(gap) };
}

function isEventAfter(at: string, { origin, eventTime, mirroredAt }: Row): boolean {
  return origin === 'rtdb' && (eventTime ?? mirroredAt) > at;
}

/** The app removed this leaf with its old day, and the row stays on purpose. */
function retention({
  kind,
  compared,
  day,
  dayEvidence,
  writtenAfter,
  writtenBefore,
}: Circumstances): Found {
  const row = compared?.row ?? null;
  const { retained } = dayEvidence;
  if (kind !== 'missing_in_rtdb' || row === null || retained === null || day === null) return null;
  const { at, retentionDays } = retained;
  const isOld = row.eventTime === null || row.eventTime < retentionBound(at, retentionDays);
  const isWithinBounds = (writtenAfter === null || at > writtenAfter) && at <= writtenBefore;
  if (!isOld || !isWithinBounds || !isBeyondRetention(day, at, retentionDays)) return null;
  return { cause: 'retention', evidence: { removed_at: at, retention_days: retentionDays } };
}

/** A write above the leaf erased it, after the event that the row shows, and it is gone. */
function overwritten({ kind, ref, compared, dayEvidence, ...bounds }: Circumstances): Found {
  if (kind !== 'missing_in_rtdb' || compared === null) return null;
  const eventTime = compared.row?.eventTime ?? null;
  const write = dayEvidence.overwrites.find(
    (one) =>
      (one.isEmptied || one.ref === ref) &&
      (eventTime === null || one.at > eventTime) &&
      (bounds.writtenAfter === null || one.at > bounds.writtenAfter) &&
      one.at <= bounds.writtenBefore,
  );
  return write === undefined
    ? null
    : { cause: 'ancestor_overwrite', evidence: { overwritten_at: write.at } };
}

/** No reading has ever seen it agree, and nothing says that it was written since mirroring began. */
function beforeMirroring(known: Circumstances): Found {
  const { kind, compared, shard, isOver } = known;
  if (kind !== 'missing_in_postgres' || !isOlderPossible(known)) return null;
  if (!isOver && (compared?.row ?? null) !== null) return null;
  return { cause: 'before_mirroring', evidence: { began_at: shard.beganAt } };
}

function isOlderPossible({ writtenAfter, shard, day, ownTime }: Circumstances): boolean {
  if (writtenAfter !== null || !shard.isOlderPossible) return false;
  if (ownTime !== null && ownTime > shard.beganAt) return false;
  // The phone's date may be one ahead.
  return day === null || day <= dayAfter(shard.beganAt);
}

/** Mirroring was off, for all or for this shard, nearly all the time in which it can have been written. */
function flagDisabled(known: Circumstances): Found {
  const off = known.shard.gaps.filter(isOff);
  const span = spanOf(known);
  if (!covers(off, span, known.times) || emptyingOf(known) !== null) return null;
  const widest = [...off].sort((a, b) => overlapMs(b, span) - overlapMs(a, span))[0];
  return widest === undefined ? null : { cause: 'flag_disabled', evidence: coverageOf(widest) };
}

/** Postgres or the mirror was away then, and the platform still delivers what failed. */
function heldUp(known: Circumstances): Found {
  const span = spanOf(known);
  const nowMs = millisOf(known.readAt);
  const gap = known.shard.gaps.find(
    (one) =>
      isFailure(one) &&
      touches(one, span) &&
      Math.min(endMs(one), span.toMs) + known.times.redeliveryMs > nowMs,
  );
  return gap === undefined ? null : { cause: 'in_flight', evidence: coverageOf(gap) };
}

/**
 * Whatever was to bring it, the platform has given it up. Unless mirroring may have been off when it was written: then
 * its event came, and nobody mirrored it. Or a store was set back before its retries were over.
 */
function retriesExhausted(known: Circumstances): Found {
  const span = spanOf(known);
  if (mayBeOff(known)) return null;
  const endMs = millisOf(known.writtenBefore) + known.times.redeliveryMs;
  if (endMs > millisOf(known.readAt)) return null;
  // It may have come by then, and the restore have taken it back.
  const untilItsEnd = { ...span, toMs: endMs };
  if (known.shard.gaps.some((gap) => gap.reason === 'restored' && touches(gap, untilItsEnd))) {
    return null;
  }
  const away = known.shard.gaps.find((gap) => isFailure(gap) && touches(gap, span));
  return {
    cause: 'retries_exhausted',
    evidence: {
      retries_ended_at: instantOfMillis(endMs),
      ...(away === undefined ? {} : coverageOf(away)),
    },
  };
}

/**
 * When the write was made that one store doesn't show: since the last agreeing look, at the earliest since mirroring
 * began, and after what the row shows; until the look that saw it differ. A row can come while that look goes on: then
 * the write did so as well.
 */
function spanOf(known: Circumstances, byRow = true): Span {
  const { compared, isOver, writtenAfter, writtenBefore, shard } = known;
  const row = byRow && !isOver ? (compared?.row ?? null) : null;
  const toMs = millisOf(writtenBefore);
  const sinceMs = millisOf(writtenAfter ?? shard.bornAfter ?? shard.beganAt);
  const fromMs = Math.max(Math.min(sinceMs, toMs), shownSinceMs(row));
  return { fromMs, toMs: fromMs > toMs ? Math.max(fromMs, lookEndMs(known)) : toMs };
}

/** Up to when the row shows RTDB as it was, by the earlier of both clocks. A claim is no witness of it. */
function shownSinceMs(row: Row | null): number {
  if (row === null || row.origin === 'client') return Number.NEGATIVE_INFINITY;
  const mirroredMs = millisOf(row.mirroredAt);
  if (row.origin !== 'rtdb') return mirroredMs;
  return row.eventTime === null
    ? Number.NEGATIVE_INFINITY
    : Math.min(millisOf(row.eventTime), mirroredMs);
}

/** A look reads its rows a while after it began; by the second look it is over. */
function lookEndMs({ writtenBefore, times }: Circumstances): number {
  return millisOf(writtenBefore) + times.graceMs;
}

/** Whether a write past the mirror at that time can have led to it. One that a restore makes is the restore's. */
function canHaveBeen(at: string, known: Circumstances): boolean {
  const { writtenAfter, shard } = known;
  const isWithin = (writtenAfter === null || at > writtenAfter) && millisOf(at) <= lookEndMs(known);
  const isOfRestore = shard.gaps.some(
    ({ reason, fromAt, toAt }) =>
      reason === 'restored' && fromAt <= at && (toAt === null || at <= toAt),
  );
  return isWithin && !isOfRestore && !isOlderThanValue(at, known);
}

/** Whether RTDB's value says that it was written later still. */
function isOlderThanValue(at: string, { ownTime, day }: Circumstances): boolean {
  return (ownTime !== null && ownTime > at) || (day !== null && day > dayAfter(at));
}

function dayAfter(at: string): string {
  return (instantOfMillis(millisOf(at) + 24 * 60 * 60 * 1000) ?? at).slice(0, 10);
}

/** At most five: they are evidence for people. */
function touching(known: Circumstances): JsonObject[] {
  const span = spanOf(known);
  const lengthMs = Math.max(1, span.toMs - span.fromMs);
  return known.shard.gaps
    .filter((gap) => gap.isOut !== false && touches(gap, span))
    .slice(0, 5)
    .map((gap) => ({
      ...coverageOf(gap).coverage,
      share: Math.round((Math.max(0, overlapMs(gap, span)) / lengthMs) * 1_000) / 1_000,
    }));
}
