import { z } from 'zod';
import { isCanaryShard } from '../paths/quest-completions/canary-couple';
import type { Json, JsonObject } from '../values/json';
import { ALL_PATHS_ON, type PathsRule } from './paths-rule';
import { readCondition } from './read-condition';
import {
  decidingName,
  parameterOf,
  readText,
  type ServerTemplate,
  type TemplateParameter,
} from './server-template';

/**
 * The flag's name: of the parameter of a deployment, and of the one in Remote Config over it; there an
 * instance of a kit may have one of its own, `ENABLE_SUPABASE_DUAL_WRITE_STAGING`.
 */
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
  /** Which paths are off, whatever the flag says. */
  paths: PathsRule;
  /** What an operator should correct in Remote Config. */
  complaint: string | null;
  /** False = Remote Config could not be read, and nothing was known: nobody else need see the same. */
  isSure: boolean;
}

/** For whom a path is mirrored. */
export function modeOfPath({ mode, paths }: FlagRule, path: string): FlagMode {
  return paths.off.has(path) ? 'off' : mode;
}

/** Answers which of some conditions is the first that holds for a couple; -1 = none of them. */
export type FindFirst = (coupleId: string | null) => number;

/** What the parameter of the deployment says alone. */
export function ruleOfParameter(enabled: boolean, complaint: string | null = null): FlagRule {
  return {
    mode: enabled ? 'on' : 'off',
    isEnabled: () => enabled,
    source: 'parameter',
    version: 0,
    detail: {},
    paths: ALL_PATHS_ON,
    complaint,
    isSure: true,
  };
}

/**
 * What a template says of the flag. Where it gives no boolean, the parameter does, with a complaint: a
 * flag that is set and not understood is never taken for one that is not set. Pure, apart from what
 * `prepare` makes.
 *
 * @param parameter what the parameter of the deployment says
 * @param prepare makes the evaluation of conditions, in the order of their priority
 * @param instance of a kit; null = the functions are no kit's
 */
export function ruleOfTemplate(
  template: ServerTemplate,
  parameter: boolean,
  prepare: (conditions: readonly Json[]) => FindFirst,
  instance: string | null = null,
): FlagRule {
  const { name, isMisspelt } = decidingName(template, FLAG, instance);
  const misspelt = isMisspelt ? ["the flag's name is in another letter case"] : [];
  const flag = parameterOf(template, name);
  if (flag === null) return ruleOfParameter(parameter, misspelt[0]);
  const { branches, otherwise, isKnown } = branchesOf(flag);
  const values = [...branches.map(({ value }) => value), ...(otherwise ? [otherwise] : [])];
  const decisions = new Set(values.map(({ enabled }) => enabled ?? parameter));
  const isSame = decisions.size === 1;
  const enabled = decisions.has(true);
  const findFirst = isSame ? () => -1 : prepare(branches.map(({ condition }) => condition));
  const decide = (coupleId: string | null) =>
    (branches[findFirst(coupleId)]?.value ?? otherwise)?.enabled ?? parameter;
  const complaints = [
    ...misspelt,
    ...flag.complaints,
    ...values.flatMap(({ complaint }) => complaint ?? []),
    ...(isKnown ? [] : ["a condition that can't be evaluated here, so it holds for nobody"]),
  ];
  return {
    mode: isSame ? (enabled ? 'on' : 'off') : 'percent',
    // The canary shows whether mirroring works, for however few couples it is on.
    isEnabled: isSame ? () => enabled : (couple) => isCanaryShard(couple) || decide(couple),
    source: 'remote_config',
    version: template.version,
    detail: isSame ? {} : detailOf(flag, parameter),
    paths: ALL_PATHS_ON,
    complaint: complaints.length === 0 ? null : [...new Set(complaints)].join('; '),
    isSure: true,
  };
}

/** What a flag's value says; `enabled` is null where the parameter of the deployment decides. */
interface FlagValue {
  enabled: boolean | null;
  complaint: string | null;
}

const DETAIL = z.object({
  conditions: z.array(z.object({ condition: z.custom<Json>(), enabled: z.boolean() })),
  otherwise: z.boolean(),
});

/** What decides for whom, so that it can be told later who was in: {@link ruleOfDetail}. */
function detailOf({ choices, defaultValue }: TemplateParameter, parameter: boolean): JsonObject {
  const isEnabled = (value: unknown) => readValue(value).enabled ?? parameter;
  return {
    conditions: choices.map(({ name, condition, value }) => ({
      ...{ name, condition, enabled: isEnabled(value) },
    })),
    otherwise: isEnabled(defaultValue ?? { useInAppDefault: true }),
  };
}

/**
 * For whom mirroring was on, by the `detail` of an interval of `mirror.coverage`. Pure, apart from what `prepare`
 * makes. Null = the detail doesn't say.
 */
export function ruleOfDetail(
  detail: Json,
  prepare: (conditions: readonly Json[]) => FindFirst,
): ((shard: string) => boolean) | null {
  const { data } = DETAIL.safeParse(detail);
  if (data === undefined) return null;
  const branches: { condition: Json; enabled: boolean }[] = [];
  let { otherwise } = data;
  for (const { condition: asWritten, enabled } of data.conditions) {
    const { reach, condition } = readCondition(asWritten);
    if (reach === 'none') continue;
    if (reach === 'all') {
      otherwise = enabled;
      break;
    }
    branches.push({ condition, enabled });
  }
  const findFirst = prepare(branches.map(({ condition }) => condition));
  return (shard) => isCanaryShard(shard) || (branches[findFirst(shard)]?.enabled ?? otherwise);
}

interface Branches {
  /** Whose condition holds for some couple, until one that holds for all. */
  branches: { condition: Json; value: FlagValue }[];
  /** For whom none of them does; null = there is nobody left. */
  otherwise: FlagValue | null;
  isKnown: boolean;
}

function branchesOf({ choices, defaultValue }: TemplateParameter): Branches {
  const branches: Branches['branches'] = [];
  let isKnown = true;
  for (const choice of choices) {
    const { reach, condition, ...read } = readCondition(choice.condition);
    isKnown &&= read.isKnown;
    if (reach === 'none') continue;
    branches.push({ condition, value: readValue(choice.value) });
    if (reach === 'all') return { branches, otherwise: null, isKnown };
  }
  const isNone = defaultValue === undefined || defaultValue === null;
  const otherwise = isNone ? { enabled: null, complaint: null } : readValue(defaultValue);
  return { branches, otherwise, isKnown };
}

function readValue(json: unknown): FlagValue {
  const read = readText(json);
  if (read === 'in_app_default') return { enabled: null, complaint: null };
  if ('complaint' in read) return { enabled: null, complaint: read.complaint };
  const text = read.text?.trim().toLowerCase();
  return text === 'true' || text === 'false'
    ? { enabled: text === 'true', complaint: null }
    : { enabled: null, complaint: 'a value that is neither true nor false' };
}
