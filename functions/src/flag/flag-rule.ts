import { CANARY_COUPLE } from '../quests/canary-couple';
import type { JsonObject } from '../values/json';
import { reachOf } from './reach-of';
import { partOf, type ServerTemplate } from './server-template';

/** The flag's name: of the parameter of a deployment, and of the one in Remote Config over it. */
export const FLAG = 'ENABLE_SUPABASE_DUAL_WRITE';

/** For whom mirroring is on. */
export type FlagMode = 'on' | 'off' | 'percent';

/** What the flag says, until the next look. */
export interface FlagRule {
  mode: FlagMode;
  /** Null = a path that names no couple: no percent holds for it. */
  isEnabled(coupleId: string | null): boolean;
  /** What decides: Remote Config, or the parameter of the deployment. */
  source: 'remote_config' | 'parameter';
  /** Of Remote Config's template; 0 for the parameter. */
  version: number;
  /** What decides for whom, for `mirror.coverage`. */
  detail: JsonObject;
  /** What an operator should mend. */
  complaint: string | null;
}

/** Evaluates a template's flag for one couple; null = the template gives it no value. */
export type EvaluateFlag = (coupleId: string | null) => string | null;

/** What the parameter of the deployment says alone. */
export function ruleOfParameter(enabled: boolean, complaint: string | null = null): FlagRule {
  return {
    mode: enabled ? 'on' : 'off',
    isEnabled: () => enabled,
    source: 'parameter',
    version: 0,
    detail: {},
    complaint,
  };
}

/**
 * What a template says of the flag. Where it gives no boolean, the parameter does. Pure, apart from
 * what `prepare` makes.
 *
 * @param parameter what the parameter of the deployment says
 * @param prepare makes the evaluation of the template's part that concerns the flag
 */
export function ruleOfTemplate(
  template: ServerTemplate,
  parameter: boolean,
  prepare: (part: ServerTemplate) => EvaluateFlag,
): FlagRule {
  const part = partOf(template, FLAG);
  if (part === null) return ruleOfParameter(parameter);
  const evaluate = prepare(part);
  const decide = (coupleId: string | null) => booleanOf(evaluate(coupleId)) ?? parameter;
  const possible = possibleValues(part);
  const decisions = new Set(possible.map((value) => booleanOf(value) ?? parameter));
  const isSame = decisions.size === 1;
  const enabled = decisions.has(true);
  return {
    mode: isSame ? (enabled ? 'on' : 'off') : 'percent',
    // The canary shows whether mirroring works, for however few couples it is on.
    isEnabled: isSame ? () => enabled : (couple) => couple === CANARY_COUPLE || decide(couple),
    source: 'remote_config',
    version: part.version?.versionNumber ?? 0,
    detail: isSame
      ? {}
      : { conditions: part.conditions.map(({ name, condition }) => ({ name, condition })) },
    complaint: possible.some((value) => value !== null && booleanOf(value) === null)
      ? 'a value that is neither true nor false'
      : null,
  };
}

/** The values that some couple gets: conditions in their order, until one holds for all. */
function possibleValues({ conditions, parameters }: ServerTemplate): (string | null)[] {
  const parameter = parameters[FLAG];
  const values: (string | null)[] = [];
  for (const { name, condition } of conditions) {
    const reach = reachOf(condition);
    if (reach === 'none') continue;
    values.push(explicitValue(parameter?.conditionalValues?.[name]));
    if (reach === 'all') return values;
  }
  return [...values, explicitValue(parameter?.defaultValue)];
}

/** Null for "use in-app default", and for what a server can't evaluate (personalization, rollouts). */
function explicitValue(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('value' in value)) return null;
  return typeof value.value === 'string' ? value.value : null;
}

function booleanOf(value: string | null): boolean | null {
  const text = value?.trim().toLowerCase();
  return text === 'true' ? true : text === 'false' ? false : null;
}
