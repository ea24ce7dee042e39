import { z } from 'zod';
import type { Json } from '../values/json';

/** Whom a condition holds for: every couple, none, or some. */
export type Reach = 'all' | 'none' | 'some';

export interface ReadCondition {
  reach: Reach;
  /** Whether all of it can be evaluated here; what can't be holds for nobody. */
  isKnown: boolean;
  /** The same condition with nothing but what is known, so that evaluating it can't fail. */
  condition: Json;
}

const ALL_MICRO_PERCENT = 100_000_000;

/** As firebase-admin's evaluator counts: by two for each condition in another. */
const MAX_LEVEL = 10;

const GROUP = z.object({ conditions: z.array(z.custom<Json>()).default([]) });

const PERCENT = z.object({
  percentOperator: z.enum(['LESS_OR_EQUAL', 'GREATER_THAN', 'BETWEEN']),
  seed: z.string().default(''),
  microPercent: z.number().default(0),
  microPercentRange: z
    .object({
      microPercentLowerBound: z.number().default(0),
      microPercentUpperBound: z.number().default(0),
    })
    .prefault({}),
});

const EVERYBODY: ReadCondition = { reach: 'all', isKnown: true, condition: { true: {} } };
const NOBODY: ReadCondition = { reach: 'none', isKnown: true, condition: { false: {} } };
const UNKNOWN: ReadCondition = { ...NOBODY, isKnown: false };

/**
 * Whom a server condition holds for, whatever couple is asked about. Pure. As firebase-admin evaluates
 * it, but for a couple in a hundred million: 0% is nobody and 100% everybody. A custom signal can't be
 * evaluated, since the mirror gives none; nor can what this version doesn't know.
 *
 * Source: firebase-admin, `condition-evaluator-internal.js`
 */
export function readCondition(condition: Json, level = 0): ReadCondition {
  const isObject = typeof condition === 'object' && condition !== null && !Array.isArray(condition);
  if (!isObject || level >= MAX_LEVEL) return UNKNOWN;
  if (condition.orCondition) return readGroup('orCondition', condition.orCondition, level);
  if (condition.andCondition) return readGroup('andCondition', condition.andCondition, level);
  if (condition.true) return EVERYBODY;
  if (condition.false) return NOBODY;
  return condition.percent ? readPercent(condition.percent) : UNKNOWN;
}

function readGroup(
  kind: 'orCondition' | 'andCondition',
  group: Json,
  level: number,
): ReadCondition {
  const { data } = GROUP.safeParse(group);
  if (data === undefined) return UNKNOWN;
  const parts = data.conditions.map((part) => readCondition(part, level + 2));
  const reaches = parts.map(({ reach }) => reach);
  return {
    reach: kind === 'orCondition' ? reachOfAny(reaches) : reachOfEvery(reaches),
    isKnown: parts.every(({ isKnown }) => isKnown),
    condition: { [kind]: { conditions: parts.map(({ condition }) => condition) } },
  };
}

function reachOfAny(parts: readonly Reach[]): Reach {
  if (parts.includes('all')) return 'all';
  return parts.includes('some') ? 'some' : 'none';
}

function reachOfEvery(parts: readonly Reach[]): Reach {
  if (parts.includes('none')) return 'none';
  return parts.includes('some') ? 'some' : 'all';
}

function readPercent(json: Json): ReadCondition {
  const { data: percent } = PERCENT.safeParse(json);
  if (percent === undefined) return UNKNOWN;
  const { microPercentLowerBound: lower, microPercentUpperBound: upper } =
    percent.microPercentRange;
  const share = {
    LESS_OR_EQUAL: percent.microPercent,
    GREATER_THAN: ALL_MICRO_PERCENT - percent.microPercent,
    BETWEEN: upper - lower,
  }[percent.percentOperator];
  const reach = share <= 0 ? 'none' : share >= ALL_MICRO_PERCENT ? 'all' : 'some';
  return { reach, isKnown: true, condition: { percent } };
}
