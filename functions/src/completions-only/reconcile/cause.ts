import type { CoverageInterval, CoverageReason } from '../../coverage/coverage';
import type { Cause } from '../../divergences/vocabulary';
import { isBeyondRetention } from '../../mirror/claim';
import { completionPath, parseCompletionPath } from '../../paths/quest-completions/completion-path';
import { instantOfMillis, millisOf } from '../../values/event-time';
import type { JsonObject } from '../../values/json';
import { isSameValue } from '../../values/rtdb-value';
import { asEvidence } from '../../values/storable';
import type { DayEvidence, LeafEvidence } from '../postgres/divergence-evidence';
import type { MirroringTimes } from '../postgres/mirroring-times';
import type { Mismatch } from './mismatch';
import { ownTimeOf, type Span, spanOfDay, spanOfWrite } from './write-span';

/** Why a completion differs, and what speaks for it. */
export interface Judgement {
  cause: Cause;
  evidence: JsonObject;
}

/** All that is known of one mismatch. */
export interface Circumstances {
  leaf: LeafEvidence;
  /** Null where the log holds nothing of the day. */
  day: DayEvidence | null;
  times: MirroringTimes;
  now: Date;
  retentionDays: number;
  /** For how long the platform delivers an event again, in milliseconds. */
  retryWindowMs: number;
}

/** Times of RTDB's servers tell the order of writes that are further apart. */
const CLOCK_PRECISION_MS = 1_000;

type Rule = (mismatch: Mismatch, known: Circumstances) => Judgement | null;

/**
 * The rules in order: the first that has evidence tells the cause. What one leaf's own record says
 * comes before what only its time suggests.
 */
const RULES: readonly Rule[] = [
  moving,
  rejected,
  directWrite,
  clientOnly,
  retention,
  race,
  overwritten,
  flagDisabled,
  heldUpByOutage,
  beforeMirroring,
];

/** The cause that evidence about this one leaf tells, or null. Pure. */
export function causeOf(mismatch: Mismatch, known: Circumstances): Judgement | null {
  for (const rule of RULES) {
    const judgement = rule(mismatch, known);
    if (judgement !== null) return judgement;
  }
  return null;
}

/** What is left when nothing else fits: an event that can't come any more, or nobody knows. */
export function causeOfLost(mismatch: Mismatch, known: Circumstances): Judgement {
  const overSinceMs = lastRetryMs(mismatch, known);
  if (overSinceMs === null || overSinceMs.atMs > known.now.getTime()) {
    return { cause: 'unknown', evidence: {} };
  }
  return {
    cause: 'retries_exhausted',
    evidence: {
      retries_ended_at: instantOfMillis(overSinceMs.atMs),
      reckoned_from: overSinceMs.from,
      ...touching(known.times.gaps, ['outage', 'canary_lost'], writeSpan(mismatch, known)),
    },
  };
}

/** Changed between its last two readings: it may be on its way. */
function moving({ isMoving }: Mismatch): Judgement | null {
  return isMoving ? { cause: 'in_flight', evidence: { changed_between_readings: true } } : null;
}

/** The mirror refuses what RTDB holds: its value, a key of its path, or Postgres did. */
function rejected({ key, leaf }: Mismatch, known: Circumstances): Judgement | null {
  if (leaf === null) return null;
  if (leaf.completed === null) return { cause: 'rejected', evidence: { refused: 'value' } };
  const now = instantOfMillis(known.now.getTime()) ?? '';
  const path = parseCompletionPath(completionPath(key), now);
  if (!path.ok) {
    const fields = path.issues.map(({ field }) => field);
    return { cause: 'rejected', evidence: { refused: 'path', fields } };
  }
  const present = leaf.completed ? asEvidence(leaf.payload) : null;
  const refusal = known.leaf.divergences.find(
    ({ kind, isOpen, rtdbValue }) =>
      isOpen && kind === 'write_rejected' && isSameValue(rtdbValue, present),
  );
  return refusal === undefined
    ? null
    : { cause: 'rejected', evidence: { refused: 'write', divergence_id: refusal.id } };
}

/** Someone wrote the row past the mirror, and the mirror has not written it since. */
function directWrite({ row }: Mismatch, { leaf }: Circumstances): Judgement | null {
  const write = leaf.directWrite;
  if (write === null) return null;
  const stands =
    write.operation === 'delete'
      ? row === null
      : leaf.row !== null && leaf.row.mirroredAt <= write.writtenAt;
  if (!stands) return null;
  return {
    cause: 'direct_postgres_write',
    evidence: {
      operation: write.operation,
      written_by: write.writtenBy,
      written_at: write.writtenAt,
    },
  };
}

/** An old app claimed it, and RTDB never showed it. */
function clientOnly({ kind }: Mismatch, { leaf }: Circumstances): Judgement | null {
  if (kind !== 'missing_in_rtdb' || leaf.row?.origin !== 'client') return null;
  return { cause: 'client_without_rtdb', evidence: { row_origin: 'client' } };
}

/** The app removes old days from RTDB; the rows stay on purpose. */
function retention({ kind, key }: Mismatch, known: Circumstances): Judgement | null {
  if (kind !== 'missing_in_rtdb') return null;
  const now = instantOfMillis(known.now.getTime()) ?? '';
  const isOld = isBeyondRetention(key.dateKey, now, known.retentionDays);
  if (!isOld && known.day?.isRetained !== true) return null;
  return { cause: 'retention', evidence: { retention_days: known.retentionDays } };
}

/** Events whose order could not be told from their times: what lost is what RTDB shows. */
function race({ leaf }: Mismatch, { leaf: { divergences, row } }: Circumstances): Judgement | null {
  const present = leaf?.completed ? asEvidence(leaf.payload) : null;
  const wonMs = row?.eventTime == null ? null : millisOf(row.eventTime);
  const lost = divergences.find(
    ({ kind, isTie, eventTime, rtdbValue }) =>
      (isTie ||
        (kind === 'out_of_order' &&
          eventTime !== null &&
          wonMs !== null &&
          wonMs - millisOf(eventTime) <= CLOCK_PRECISION_MS)) &&
      isSameValue(rtdbValue, present),
  );
  if (lost === undefined) return null;
  return {
    cause: 'race',
    evidence: { divergence_id: lost.id, lost_event_time: lost.eventTime, tied: lost.isTie },
  };
}

/** The day was overwritten after the row's event, and the leaf is gone with it. */
function overwritten({ kind }: Mismatch, { leaf, day }: Circumstances): Judgement | null {
  const at = day?.overwrittenAt ?? null;
  if (kind !== 'missing_in_rtdb' || at === null) return null;
  if (leaf.row?.eventTime != null && leaf.row.eventTime > at) return null;
  return { cause: 'ancestor_overwrite', evidence: { overwritten_at: at } };
}

/** Mirroring was off, for all or for some couples, when the write may have been made. */
function flagDisabled(mismatch: Mismatch, known: Circumstances): Judgement | null {
  const span = writeSpan(mismatch, known);
  const touched = touching(known.times.gaps, ['flag_off', 'percent'], span);
  return touched.coverage === undefined ? null : { cause: 'flag_disabled', evidence: touched };
}

/** Postgres or the mirror was away then, and the platform still delivers what failed. */
function heldUpByOutage(mismatch: Mismatch, known: Circumstances): Judgement | null {
  const span = writeSpan(mismatch, known);
  const since = known.now.getTime() - known.retryWindowMs;
  const recent = { fromMs: Math.max(span.fromMs, since), toMs: span.toMs };
  if (recent.fromMs > recent.toMs) return null;
  const touched = touching(known.times.gaps, ['outage', 'canary_lost'], recent);
  return touched.coverage === undefined ? null : { cause: 'in_flight', evidence: touched };
}

/** Nobody had mirrored anything by then. A day that began before may have been completed before. */
function beforeMirroring({ row, key, kind }: Mismatch, { times }: Circumstances): Judgement | null {
  if (kind !== 'missing_in_postgres' || row !== null || key.dateKey > times.beganOn) return null;
  return { cause: 'before_mirroring', evidence: { began_on: times.beganOn } };
}

/** When the platform gave up at the latest, and what that is reckoned from; null where unknown. */
function lastRetryMs(
  mismatch: Mismatch,
  { leaf, now, retryWindowMs }: Circumstances,
): { atMs: number; from: string } | null {
  const sighting = leaf.divergences.find(
    ({ kind, isOpen, detectedBy }) =>
      kind === mismatch.kind && isOpen && detectedBy === 'reconciler',
  );
  const candidates: { atMs: number; from: string }[] = [];
  if (sighting !== undefined && isSameValue(sighting.rtdbValue, rtdbValueOf(mismatch))) {
    candidates.push({ atMs: millisOf(sighting.firstSeenAt), from: 'first_seen_at' });
  }
  if (mismatch.kind === 'missing_in_postgres') {
    candidates.push({ atMs: spanOfDay(mismatch.key.dateKey).toMs, from: 'end_of_day' });
  }
  const ownMs = ownTimeOf(mismatch, now);
  if (ownMs !== null) candidates.push({ atMs: ownMs, from: 'completed_at' });
  const first = candidates.sort((a, b) => a.atMs - b.atMs)[0];
  return first === undefined ? null : { ...first, atMs: first.atMs + retryWindowMs };
}

/** RTDB's side as the divergence log holds it. */
export function rtdbValueOf({ leaf }: Mismatch) {
  if (leaf === null || leaf.completed === false) return null;
  return asEvidence(leaf.completed === null ? leaf.value : leaf.payload);
}

function writeSpan(mismatch: Mismatch, { leaf, now }: Circumstances): Span {
  return spanOfWrite(mismatch, leaf.row?.eventTime ?? null, now);
}

/** The first interval of these reasons that touches the span, as evidence. */
function touching(
  gaps: readonly CoverageInterval[],
  reasons: readonly CoverageReason[],
  { fromMs, toMs }: Span,
): JsonObject {
  const gap = gaps.find(
    ({ reason, fromAt, toAt }) =>
      reasons.includes(reason) &&
      millisOf(fromAt) <= toMs &&
      (toAt === null || millisOf(toAt) >= fromMs),
  );
  if (gap === undefined) return {};
  return { coverage: { reason: gap.reason, from_at: gap.fromAt, to_at: gap.toAt } };
}
