import { ConfigurationError } from '../errors/mirror-error';
import { keyIssues, REFUSED_IN_KEY } from '../values/rtdb-key';

/** One step of a ref: a literal key, or a part that holds any key. */
export type Step = { literal: string } | { part: string; column: string };

/** The names of a ref's parts, as a type: `coupleId` of `lp_awards/{coupleId}/{awardId}`, and so on. */
export type Parts<Ref extends string> = string extends Ref
  ? string
  : Ref extends `${string}{${infer Part}}${infer Rest}`
    ? Part | Parts<Rest>
    : never;

/**
 * The steps of a trigger's pattern.
 *
 * @throws ConfigurationError where it is none that a path can have
 */
export function stepsOfRef(ref: string): Step[] {
  const steps = stepsOfPattern(ref);
  if (steps === null) {
    throw new ConfigurationError(
      `ref ${JSON.stringify(ref)}: expected keys and parts such as {coupleId}, joined by /`,
    );
  }
  if (!steps.some((step) => 'part' in step)) {
    throw new ConfigurationError(`ref ${JSON.stringify(ref)}: expected a part such as {coupleId}`);
  }
  return steps;
}

/** The steps of keys and parts that are joined by `/`; null where one is neither. */
export function stepsOfPattern(pattern: string): Step[] | null {
  const steps: Step[] = [];
  for (const text of pattern.split('/')) {
    const part = /^\{([A-Za-z]\w*)\}$/.exec(text)?.[1];
    if (part !== undefined) steps.push({ part, column: columnOfPart(part) });
    else if (isLiteral(text)) steps.push({ literal: text });
    else return null;
  }
  return steps;
}

function isLiteral(text: string): boolean {
  if (text === '' || REFUSED_IN_KEY.test(text) || /[{}*]/.test(text)) return false;
  return keyIssues('ref', text).length === 0;
}

/** The key column of a part: `coupleId` is `couple_id`. `mirror.declare_path` does the same. */
export function columnOfPart(part: string): string {
  return part.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}

/**
 * How two patterns lie to each other, where some node matches the first and some node the second.
 *
 * @returns `same`: a node may match both; `inside`: one of the first lies in one of the second;
 *   `above`: the other way round; null: they never meet
 */
export function relationOf(
  first: readonly Step[],
  second: readonly Step[],
): 'same' | 'inside' | 'above' | null {
  const shared = Math.min(first.length, second.length);
  for (let place = 0; place < shared; place += 1) {
    const [a, b] = [first[place], second[place]];
    if (a && b && 'literal' in a && 'literal' in b && a.literal !== b.literal) return null;
  }
  if (first.length === second.length) return 'same';
  return first.length > second.length ? 'inside' : 'above';
}
