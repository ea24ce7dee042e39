import { millisOf } from '../../values/event-time';
import type { CoverageGap } from '../postgres/gate-evidence';
import type { Window } from '../reconcile/window';

/** How much of a window mirroring was fully on, from 0 to 1. Gaps may overlap. Pure. */
export function coverageShare(
  { fromAt, toAt }: Window,
  gaps: readonly Pick<CoverageGap, 'fromAt' | 'toAt'>[],
): number {
  const from = millisOf(fromAt);
  const to = millisOf(toAt);
  const spans = gaps
    .map((gap) => ({
      from: Math.max(from, millisOf(gap.fromAt)),
      to: Math.min(to, gap.toAt === null ? to : millisOf(gap.toAt)),
    }))
    .filter((span) => span.to > span.from)
    .sort((a, b) => a.from - b.from);
  let missing = 0;
  let coveredTo = from;
  for (const span of spans) {
    missing += Math.max(0, span.to - Math.max(span.from, coveredTo));
    coveredTo = Math.max(coveredTo, span.to);
  }
  return to > from ? 1 - missing / (to - from) : 0;
}
