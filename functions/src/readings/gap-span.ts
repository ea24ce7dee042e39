import { millisOf } from '../values/event-time';
import type { JsonObject } from '../values/json';
import type { ProofTimes } from './proof-times';

/** An interval in which mirroring was not fully on, as far as it concerns the shard. Instants are normalized. */
export interface Gap {
  reason: 'flag_off' | 'percent' | 'outage' | 'canary_lost' | 'restored';
  fromAt: string;
  /** Null while it lasts. */
  toAt: string | null;
  /** Of a percent: whether the shard was out; null = nobody can tell. Of others: true. */
  isOut: boolean | null;
}

export interface Span {
  fromMs: number;
  toMs: number;
}

/** An interval of the flag: mirroring was off, for all or for some. */
export function isOff(gap: Gap): boolean {
  return isFlagged(gap) && gap.isOut === true;
}

export function isFlagged({ reason }: Gap): boolean {
  return reason === 'flag_off' || reason === 'percent';
}

export function isFailure({ reason }: Gap): boolean {
  return reason === 'outage' || reason === 'canary_lost';
}

/** What an interval may leave uncovered of the bounds. */
const UNCOVERED_SHARE = 0.1;

export function endMs({ toAt }: Gap): number {
  return toAt === null ? Number.POSITIVE_INFINITY : millisOf(toAt);
}

export function overlapMs(gap: Gap, { fromMs, toMs }: Span): number {
  return Math.min(endMs(gap), toMs) - Math.max(millisOf(gap.fromAt), fromMs);
}

export function touches(gap: Gap, span: Span): boolean {
  return overlapMs(gap, span) >= 0;
}

/** Whether the intervals leave next to nothing of the span: what was written outside of them is not theirs. */
export function covers(
  gaps: readonly Gap[],
  span: Span,
  { flagEdgeMs }: Pick<ProofTimes, 'flagEdgeMs'>,
): boolean {
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

export function coverageOf({ reason, fromAt, toAt }: Gap): { coverage: JsonObject } {
  return { coverage: { reason, from_at: fromAt, to_at: toAt } };
}
