import type { Cause, Kind } from '../divergences/vocabulary';
import { isBeyondRetention, retentionBound } from '../mirror/claim';
import { instantOfMillis, millisOf } from '../values/event-time';
import type { Json, JsonObject } from '../values/json';
import { canonicalValue, isSameValue } from '../values/rtdb-value';
import { asEvidence } from '../values/storable';
import type { ComparedKey, Row } from './compare-key';
import type { ProofTimes } from './proof-times';

/** Why a key differs, what speaks for it, and what might also have led to it. */
export interface Judgement {
  cause: Cause;
  evidence: JsonObject;
  /** What touches the time in which it was written, and doesn't cover it. */
  possible: JsonObject[];
}

/** An interval in which mirroring was not fully on, as far as it concerns the shard. Instants are normalized. */
export interface Gap {
  reason: 'flag_off' | 'percent' | 'outage' | 'canary_lost' | 'restored';
  fromAt: string;
  /** Null while it lasts. */
  toAt: string | null;
  /** Of a percent: whether the shard was out; null = nobody can tell. Of others: true. */
  isOut: boolean | null;
}

/** The last write of a key that went past the mirror. */
export interface PastWrite {
  operation: string;
  writtenBy: string;
  at: string;
  isChange: boolean;
  newPayload: Json;
}

/** What the trigger logged of this very key, and nobody has resolved. */
export interface LoggedRow {
  id: number;
  kind: string;
  isTie: boolean;
  rtdbValue: Json;
  eventTime: string | null;
  /** The event that the row showed when this one lost against it. */
  rowEventId: string | null;
  lastSeenAt: string;
}

export interface KeyEvidence {
  direct: PastWrite | null;
  logged: readonly LoggedRow[];
}

/** What is known of a dated node. */
export interface DayEvidence {
  /** Writes above its leaves, after which nothing was left there, and those that erased the leaf named. */
  overwrites: readonly { at: string; ref: string; isEmptied: boolean }[];
  /** A removal that retention left out: when, and how many days old a day could be. */
  retained: { at: string; retentionDays: number } | null;
}

/** What is known of the shard, and of the path. */
export interface ShardEvidence {
  beganAt: string;
  /** Whether RTDB can have held it before mirroring of the path began. */
  isOlderPossible: boolean;
  /** A listing that didn't show the shard yet; null = nothing tells. */
  bornAfter: string | null;
  gaps: readonly Gap[];
  /** The last TRUNCATE of the table. */
  truncated: { at: string; writtenBy: string } | null;
}

/** All that is known of one difference. */
export interface Known {
  kind: Kind;
  ref: string;
  /** Null: it stands for several, of which nothing else is known. */
  compared: ComparedKey | null;
  writtenAfter: string | null;
  writtenBefore: string;
  /** It agrees by now: what the row shows is no matter of the difference. */
  isOver: boolean;
  /** `YYYY-MM-DD` */
  day: string | null;
  /** The latest time that RTDB's value tells of itself, and that is past. It can take an excuse away, never give one. */
  ownTime: string | null;
  readAt: string;
  shard: ShardEvidence;
  key: KeyEvidence;
  dayEvidence: DayEvidence;
  times: CauseTimes;
}

/** The durations that causes are told by. */
export type CauseTimes = Pick<
  ProofTimes,
  'redeliveryMs' | 'flagEdgeMs' | 'clockPrecisionMs' | 'graceMs'
>;

/** What an interval may leave uncovered of the bounds. */
const UNCOVERED_SHARE = 0.1;

type Found = Pick<Judgement, 'cause' | 'evidence'> | null;
type Rule = (known: Known) => Found;

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
export function causeOf(known: Known): Judgement {
  for (const rule of known.kind === 'column_mismatch' ? RULES_OF_COLUMNS : RULES) {
    const found = rule(known);
    if (found !== null) return { ...found, possible: [] };
  }
  const possible = known.kind === 'column_mismatch' ? [] : touching(known);
  return { cause: 'unknown', evidence: {}, possible };
}

function clientOnly({ kind }: Known): Found {
  if (kind !== 'client_only') return null;
  return { cause: 'client_without_rtdb', evidence: { row_origin: 'client' } };
}

/** The mirror refuses what RTDB holds. */
function refused({ compared }: Known): Found {
  const fields = (compared?.refusals ?? []).map(({ field }) => field);
  return fields.length === 0 ? null : { cause: 'rejected', evidence: { refused: 'value', fields } };
}

/** Somebody wrote the row past the mirror within the bounds, and it stands as they left it. */
function directWrite(known: Known): Found {
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

function standsAsLeft(direct: PastWrite, { compared, isOver }: Known): boolean {
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
function truncated(known: Known): Found {
  const emptied = emptyingOf(known);
  if (emptied === null || mayBeOff(known)) return null;
  const { at, writtenBy } = emptied;
  return {
    cause: 'direct_postgres_write',
    evidence: { operation: 'truncate', written_by: writtenBy, written_at: at },
  };
}

function emptyingOf(known: Known): ShardEvidence['truncated'] {
  const { truncated: emptied } = known.shard;
  if (emptied === null || known.kind !== 'missing_in_postgres') return null;
  if (!canHaveBeen(emptied.at, known)) return null;
  return known.isOver || (known.compared?.row ?? null) === null ? emptied : null;
}

function mayBeOff(known: Known): boolean {
  const span = spanOf(known);
  return known.shard.gaps.some(
    (gap) => isFlagged(gap) && gap.isOut !== false && overlapMs(gap, span) > 0,
  );
}

/** Postgres, or the mirror, refused this very value, and the row was not written since. */
function writeRejected({ compared, key, writtenAfter }: Known): Found {
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
function race({ compared, key, writtenAfter, times }: Known): Found {
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

/** One of the stores was set back within the bounds, and no event has written the row since. */
function restored(known: Known): Found {
  const row = known.isOver ? null : (known.compared?.row ?? null);
  const gap = known.shard.gaps.find(
    (one) =>
      one.reason === 'restored' &&
      touches(one, spanOf(known, false)) &&
      (row === null || row.origin !== 'rtdb' || one.toAt === null || row.mirroredAt <= one.toAt) &&
      (one.toAt === null || !isOlderThanValue(one.toAt, known)),
  );
  return gap === undefined ? null : { cause: 'restored', evidence: coverageOf(gap) };
}

/** The app removed this leaf with its old day, and the row stays on purpose. */
function retention({
  kind,
  compared,
  day,
  dayEvidence,
  writtenAfter,
  writtenBefore,
}: Known): Found {
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
function overwritten({ kind, ref, compared, dayEvidence, ...bounds }: Known): Found {
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
function beforeMirroring(known: Known): Found {
  const { kind, compared, shard, isOver } = known;
  if (kind !== 'missing_in_postgres' || !isOlderPossible(known)) return null;
  if (!isOver && (compared?.row ?? null) !== null) return null;
  return { cause: 'before_mirroring', evidence: { began_at: shard.beganAt } };
}

function isOlderPossible({ writtenAfter, shard, day, ownTime }: Known): boolean {
  if (writtenAfter !== null || !shard.isOlderPossible) return false;
  if (ownTime !== null && ownTime > shard.beganAt) return false;
  // The phone's date may be one ahead.
  return day === null || day <= dayAfter(shard.beganAt);
}

/** Mirroring was off, for all or for this shard, nearly all the time in which it can have been written. */
function flagDisabled(known: Known): Found {
  const off = known.shard.gaps.filter(isOff);
  const span = spanOf(known);
  if (!covers(off, span, known.times) || emptyingOf(known) !== null) return null;
  const widest = [...off].sort((a, b) => overlapMs(b, span) - overlapMs(a, span))[0];
  return widest === undefined ? null : { cause: 'flag_disabled', evidence: coverageOf(widest) };
}

/** Postgres or the mirror was away then, and the platform still delivers what failed. */
function heldUp(known: Known): Found {
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
 * its event came, and nobody mirrored it.
 */
function retriesExhausted(known: Known): Found {
  const span = spanOf(known);
  if (mayBeOff(known)) return null;
  const endMs = millisOf(known.writtenBefore) + known.times.redeliveryMs;
  if (endMs > millisOf(known.readAt)) return null;
  const away = known.shard.gaps.find((gap) => isFailure(gap) && touches(gap, span));
  return {
    cause: 'retries_exhausted',
    evidence: {
      retries_ended_at: instantOfMillis(endMs),
      ...(away === undefined ? {} : coverageOf(away)),
    },
  };
}

function isOff(gap: Gap): boolean {
  return isFlagged(gap) && gap.isOut === true;
}

function isFlagged({ reason }: Gap): boolean {
  return reason === 'flag_off' || reason === 'percent';
}

function isFailure({ reason }: Gap): boolean {
  return reason === 'outage' || reason === 'canary_lost';
}

/** An event that a trigger found missing: between which instants it must have been written, by RTDB's clock. */
export interface MissedEvent {
  holes: readonly { from: string; to: string }[];
  /** What the row showed when the gap was seen, as evidence. */
  postgresValue: Json;
  eventTime: string | null;
  firstSeenAt: string;
  direct: PastWrite | null;
  gaps: readonly Gap[];
  nowAt: string;
  times: CauseTimes;
}

/** Why an event was missed; null = it can't be told, and it may still come. Pure. */
export function causeOfMissed(missed: MissedEvent): {
  cause: 'direct_postgres_write' | 'flag_disabled' | 'retries_exhausted';
  evidence: JsonObject;
} | null {
  const { direct, holes, eventTime, nowAt, firstSeenAt, times } = missed;
  const isSeen =
    direct !== null &&
    direct.at <= firstSeenAt &&
    holes.some(({ from }) => from < direct.at) &&
    isSameValue(canonicalValue(direct.newPayload), canonicalValue(missed.postgresValue));
  if (isSeen) {
    const { operation, writtenBy, at } = direct;
    return {
      cause: 'direct_postgres_write',
      evidence: { operation, written_by: writtenBy, written_at: at },
    };
  }
  const off = missed.gaps.filter(isOff);
  const span = ({ from, to }: { from: string; to: string }) => ({
    fromMs: from === '-infinity' ? Number.NEGATIVE_INFINITY : millisOf(from),
    toMs: millisOf(to),
  });
  const [first] = off.filter((gap) => holes.some((hole) => touches(gap, span(hole))));
  if (first !== undefined && holes.every((hole) => covers(off, span(hole), times))) {
    return { cause: 'flag_disabled', evidence: coverageOf(first) };
  }
  if (eventTime === null || millisOf(eventTime) + times.redeliveryMs > millisOf(nowAt)) return null;
  return { cause: 'retries_exhausted', evidence: { reckoned_from: eventTime } };
}

interface Span {
  fromMs: number;
  toMs: number;
}

/**
 * When the write was made that one store doesn't show: since the last agreeing look, at the earliest since mirroring
 * began, and after what the row shows; until the look that saw it differ.
 */
function spanOf(
  { compared, isOver, writtenAfter, writtenBefore, shard }: Known,
  byRow = true,
): Span {
  const row = byRow && !isOver ? (compared?.row ?? null) : null;
  const since = [writtenAfter ?? shard.bornAfter ?? shard.beganAt, shownSince(row)];
  const after = since
    .filter((at) => at !== null && at <= writtenBefore)
    .sort()
    .at(-1);
  return { fromMs: millisOf(after ?? writtenBefore), toMs: millisOf(writtenBefore) };
}

/** Up to when the row shows RTDB as it was. A claim is no witness of it. */
function shownSince(row: Row | null): string | null {
  if (row === null || row.origin === 'client') return null;
  return row.origin === 'rtdb' ? row.eventTime : row.mirroredAt;
}

/** Whether a write past the mirror at that time can have led to it. One that a restore makes is the restore's. */
function canHaveBeen(at: string, known: Known): boolean {
  const { writtenAfter, writtenBefore, shard, times } = known;
  // A look reads its rows a while after it began; by the second look it is over.
  const lookEndMs = millisOf(writtenBefore) + times.graceMs;
  const isWithin = (writtenAfter === null || at > writtenAfter) && millisOf(at) <= lookEndMs;
  const isOfRestore = shard.gaps.some(
    ({ reason, fromAt, toAt }) =>
      reason === 'restored' && fromAt <= at && (toAt === null || at <= toAt),
  );
  return isWithin && !isOfRestore && !isOlderThanValue(at, known);
}

/** Whether RTDB's value says that it was written later still. */
function isOlderThanValue(at: string, { ownTime, day }: Known): boolean {
  return (ownTime !== null && ownTime > at) || (day !== null && day > dayAfter(at));
}

function dayAfter(at: string): string {
  return (instantOfMillis(millisOf(at) + 24 * 60 * 60 * 1000) ?? at).slice(0, 10);
}

function endMs({ toAt }: Gap): number {
  return toAt === null ? Number.POSITIVE_INFINITY : millisOf(toAt);
}

function overlapMs(gap: Gap, { fromMs, toMs }: Span): number {
  return Math.min(endMs(gap), toMs) - Math.max(millisOf(gap.fromAt), fromMs);
}

function touches(gap: Gap, span: Span): boolean {
  return overlapMs(gap, span) >= 0;
}

/** Whether the intervals leave next to nothing of the span: what was written outside of them is not theirs. */
function covers(gaps: readonly Gap[], span: Span, { flagEdgeMs }: CauseTimes): boolean {
  const touching = gaps.filter((gap) => overlapMs(gap, span) > 0);
  if (touching.length === 0) return false;
  let uncoveredMs = 0;
  let atMs = span.fromMs;
  for (const gap of touching.sort((a, b) => (a.fromAt < b.fromAt ? -1 : 1))) {
    uncoveredMs += Math.max(0, millisOf(gap.fromAt) - atMs);
    atMs = Math.max(atMs, endMs(gap));
  }
  uncoveredMs += Math.max(0, span.toMs - atMs);
  if (!Number.isFinite(uncoveredMs)) return false;
  return uncoveredMs <= Math.max(flagEdgeMs, (span.toMs - span.fromMs) * UNCOVERED_SHARE);
}

/** At most five: they are evidence for people. */
function touching(known: Known): JsonObject[] {
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

function coverageOf({ reason, fromAt, toAt }: Gap): { coverage: JsonObject } {
  return { coverage: { reason, from_at: fromAt, to_at: toAt } };
}
