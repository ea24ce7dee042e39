import type { ProofTimes } from '../readings/proof-times';
import { instantOfMillis, millisOf } from '../values/event-time';
import { CANARIES_IN_A_ROW } from './canaries';
import type { Gap, PathEvidence } from './evidence';
import { boundsOf, type RateBounds, type Tally } from './rate';

export type Verdict = 'ready' | 'not_ready' | 'cannot_tell';

/** What stands in the way beside the rates. */
export type Obstacle =
  | { code: 'off' | 'percent' | 'outage'; since: string }
  | { code: 'canaries_lost'; count: number; fromAt: string; toAt: string }
  /** Not on for all couples through the whole window: since then. */
  | { code: 'short'; since: string }
  | { code: 'canary_silent'; newestAt: string | null }
  /** Of what was kept: no answer is recent enough for the instant that is asked about. */
  | { code: 'unkept'; newestAt: string | null };

/** Why a path isn't ready, or why nobody can tell. */
export type Reason =
  | Obstacle
  | { code: 'copy_below' | 'mirror_below' | 'copy_unsure' | 'mirror_unsure' }
  | { code: 'never_verified' }
  | { code: 'verified_too_old'; verifiedTo: string; ageMs: number; maxAgeMs: number };

/** A rate as it is judged and shown. */
export type JudgedRate = Tally & Pick<RateBounds, 'lower' | 'upper'>;

/** All that a path is judged by; `mirror.rates` keeps it. */
export interface PathRates {
  path: string;
  at: string;
  verifiedTo: string | null;
  copy: JudgedRate;
  mirror: JudgedRate;
  shards: number;
  unreadShards: number;
  affectedShards: number;
  oldestFullAt: string | null;
  obstacles: readonly Obstacle[];
}

/** A path under the gate. */
export interface PathAnswer extends PathRates {
  verdict: Verdict;
  reasons: Reason[];
}

export interface GateAnswer {
  verdict: Verdict;
  paths: PathAnswer[];
  /** No path was judged, or none has had a write: nothing is proven. */
  isEmpty: boolean;
}

/** What is asked of the gate. */
export interface GateSettings {
  /** What both rates must reach, above 0 and up to 1. */
  threshold: number;
  /** How old `verifiedTo` may be. */
  maxAgeMs: number;
}

const NOT_READY: readonly Reason['code'][] = [
  'off',
  'percent',
  'outage',
  'canaries_lost',
  'copy_below',
  'mirror_below',
];

/** What a path is judged by, from what both stores say of it. Pure. */
export function ratesOf(evidence: PathEvidence, times: ProofTimes): PathRates {
  const { path, at, verifiedTo, shards, unreadShards, affectedShards, oldestFullAt } = evidence;
  const judged = ({ groups, ...tally }: PathEvidence['copy']): JudgedRate => {
    const { lower, upper } = boundsOf({ groups, ...tally }, shards);
    return { ...tally, lower, upper };
  };
  return {
    ...{ path, at, verifiedTo, shards, unreadShards, affectedShards, oldestFullAt },
    copy: judged(evidence.copy),
    mirror: judged(evidence.mirror),
    obstacles: obstaclesOf(evidence, times),
  };
}

/** Whether the mirror may carry users: the worst of the paths' answers. Pure. */
export function judge(rates: readonly PathRates[], settings: GateSettings): GateAnswer {
  const paths = rates.map((one) => {
    const reasons = reasonsOf(one, settings);
    return { ...one, reasons, verdict: verdictOf(reasons) };
  });
  const isEmpty = rates.every(({ mirror }) => mirror.total - mirror.unknown === 0);
  const verdicts = new Set(paths.map(({ verdict }) => verdict));
  const isReady = !isEmpty && !verdicts.has('cannot_tell');
  const verdict = verdicts.has('not_ready') ? 'not_ready' : isReady ? 'ready' : 'cannot_tell';
  return { verdict, paths, isEmpty };
}

/** Whether a reason makes Not ready; the others make Can't tell. */
export function isNotReady({ code }: Reason): boolean {
  return NOT_READY.includes(code);
}

function verdictOf(reasons: readonly Reason[]): Verdict {
  if (reasons.length === 0) return 'ready';
  return reasons.some(isNotReady) ? 'not_ready' : 'cannot_tell';
}

function reasonsOf(
  { at, verifiedTo, copy, mirror, obstacles }: PathRates,
  { threshold, maxAgeMs }: GateSettings,
): Reason[] {
  const reasons: Reason[] = [...obstacles];
  if (copy.upper < threshold) reasons.push({ code: 'copy_below' });
  else if (copy.lower < threshold) reasons.push({ code: 'copy_unsure' });
  if (mirror.upper < threshold) reasons.push({ code: 'mirror_below' });
  else if (mirror.lower < threshold) reasons.push({ code: 'mirror_unsure' });
  // Of a path of which nothing was kept nobody knows that either.
  if (obstacles.some((one) => one.code === 'unkept' && one.newestAt === null)) return reasons;
  if (verifiedTo === null) return [...reasons, { code: 'never_verified' }];
  const ageMs = millisOf(at) - millisOf(verifiedTo);
  if (ageMs > maxAgeMs) reasons.push({ code: 'verified_too_old', verifiedTo, ageMs, maxAgeMs });
  return reasons;
}

function obstaclesOf(evidence: PathEvidence, { windowMs, canaryAgeMs }: ProofTimes): Obstacle[] {
  const { at, beganAt, gaps, canaries } = evidence;
  const obstacles: Obstacle[] = [];
  const lasting = (reason: Gap['reason']) =>
    gaps.find((gap) => gap.reason === reason && (gap.toAt === null || gap.toAt > at));
  const off = lasting('flag_off');
  const percent = lasting('percent');
  const outage = lasting('outage');
  if (off) obstacles.push({ code: 'off', since: off.fromAt });
  if (percent) obstacles.push({ code: 'percent', since: percent.fromAt });
  if (outage) obstacles.push({ code: 'outage', since: outage.fromAt });
  if (canaries.lost !== null && canaries.lost.count >= CANARIES_IN_A_ROW) {
    obstacles.push({ code: 'canaries_lost', ...canaries.lost });
  }
  const windowAt = instantOfMillis(millisOf(at) - windowMs) ?? at;
  const onForAllSince = [beganAt, ...gaps.flatMap(endOfSwitch)].sort().at(-1) ?? beganAt;
  if (!off && !percent && onForAllSince > windowAt) {
    obstacles.push({ code: 'short', since: onForAllSince });
  }
  const newestMs = canaries.newestAt === null ? null : millisOf(canaries.newestAt);
  if (newestMs === null || millisOf(at) - newestMs > canaryAgeMs) {
    obstacles.push({ code: 'canary_silent', newestAt: canaries.newestAt });
  }
  return obstacles;
}

/** When mirroring was on for all again. An outage isn't that: its events are retried. */
function endOfSwitch({ reason, toAt }: Gap): string[] {
  return (reason === 'flag_off' || reason === 'percent') && toAt !== null ? [toAt] : [];
}
