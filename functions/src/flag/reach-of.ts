import { z } from 'zod';
import type { Condition } from './server-template';

/** Whom a condition holds for: every couple, none, or some. */
export type Reach = 'all' | 'none' | 'some';

const ALL_MICRO_PERCENT = 100_000_000;

const PERCENT = z.object({
  percentOperator: z.string().optional(),
  microPercent: z.number().default(0),
  microPercentRange: z
    .object({
      microPercentLowerBound: z.number().default(0),
      microPercentUpperBound: z.number().default(0),
    })
    .prefault({}),
});

const PARTS = z.object({ conditions: z.array(z.json()).default([]) });

/**
 * Whom a server condition holds for, whatever couple is asked about. Pure. As firebase-admin evaluates
 * it, but for a couple in a hundred million: 0% is nobody and 100% everybody. A custom signal holds for
 * none, since the mirror gives none; nor does what is unknown.
 */
export function reachOf(condition: Condition): Reach {
  if (typeof condition !== 'object' || condition === null || Array.isArray(condition)) {
    return 'none';
  }
  if (condition.orCondition) return reachOfAny(partsOf(condition.orCondition));
  if (condition.andCondition) return reachOfEvery(partsOf(condition.andCondition));
  if (condition.true) return 'all';
  if (condition.percent && !condition.false) return reachOfPercent(condition.percent);
  return 'none';
}

function partsOf(condition: Condition): Reach[] {
  const { data } = PARTS.safeParse(condition);
  return (data?.conditions ?? []).map(reachOf);
}

function reachOfAny(parts: readonly Reach[]): Reach {
  if (parts.includes('all')) return 'all';
  return parts.includes('some') ? 'some' : 'none';
}

function reachOfEvery(parts: readonly Reach[]): Reach {
  if (parts.includes('none')) return 'none';
  return parts.includes('some') ? 'some' : 'all';
}

function reachOfPercent(condition: Condition): Reach {
  const { data } = PERCENT.safeParse(condition);
  if (data === undefined) return 'none';
  const { microPercent, microPercentRange: range } = data;
  switch (data.percentOperator) {
    case 'LESS_OR_EQUAL':
      return reachOfShare(microPercent);
    case 'GREATER_THAN':
      return reachOfShare(ALL_MICRO_PERCENT - microPercent);
    case 'BETWEEN':
      return reachOfShare(range.microPercentUpperBound - range.microPercentLowerBound);
    default:
      return 'none';
  }
}

function reachOfShare(microPercent: number): Reach {
  if (microPercent <= 0) return 'none';
  return microPercent >= ALL_MICRO_PERCENT ? 'all' : 'some';
}
