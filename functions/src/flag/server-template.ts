import { z } from 'zod';
import type { Json } from '../values/json';

/**
 * Names and what they stand for; null is none of them, as in any JSON of Google's. A Map: names are data,
 * and every object has a `constructor`.
 */
const RECORD = z
  .custom<Record<string, unknown> | null>(
    (value) => typeof value === 'object' && !Array.isArray(value),
  )
  .transform((value) => new Map(Object.entries(value ?? {})))
  .prefault(null);

const GROUP = z.looseObject({ parameters: RECORD }).nullable();

/**
 * Remote Config's server template, as far as one flag needs it.
 *
 * Source: firebase-admin, `remote-config-api.d.ts` (`RemoteConfigTemplate`, of which `ServerTemplateData`
 * leaves the groups out)
 */
const TEMPLATE = z.object({
  conditions: z
    .array(z.looseObject({ name: z.string(), condition: z.custom<Json>().default(null) }))
    .nullish(),
  parameters: RECORD,
  parameterGroups: RECORD,
  version: z.looseObject({ versionNumber: z.coerce.number().int() }).optional().catch(undefined),
});

const PARAMETER = z.looseObject({
  defaultValue: z.unknown().optional(),
  conditionalValues: RECORD,
});

export interface ServerTemplate {
  conditions: readonly { name: string; condition: Json }[];
  /** Those of the template, then those of its groups: groups only sort. */
  parameters: readonly { name: string; parameter: unknown }[];
  version: number;
}

/** What a template says of one parameter. */
export interface TemplateParameter {
  /** Conditions that give it a value, in their order: it is their priority. */
  choices: readonly { name: string; condition: Json; value: unknown }[];
  /** Undefined = none. */
  defaultValue: unknown;
  /** What Remote Config would not have let through; empty = nothing. */
  complaints: string[];
}

/** @throws what zod does, where it is no template */
export function parseServerTemplate(json: unknown): ServerTemplate {
  const { conditions, parameters, parameterGroups, version } = TEMPLATE.parse(json);
  const groups = [...parameterGroups.values()].map((group) => GROUP.parse(group)?.parameters ?? []);
  return {
    conditions: (conditions ?? []).map(({ name, condition }) => ({ name, condition })),
    parameters: [parameters, ...groups].flatMap((group) =>
      [...group].map(([name, parameter]) => ({ name, parameter })),
    ),
    version: version?.versionNumber ?? 0,
  };
}

/** The name that a parameter has for one instance of a kit alone: `MIRROR_PATHS_OFF_STAGING`. */
export function ownName(name: string, instance: string | null): string {
  return instance === null ? name : `${name}_${instance.replaceAll('-', '_').toUpperCase()}`;
}

/** Which parameter decides, and whether one looks like it in another letter case. */
export interface DecidingName {
  name: string;
  isMisspelt: boolean;
}

/**
 * The parameter that decides for an instance: its own where the template has that, else that of all.
 *
 * @param instance of a kit; null = the functions are no kit's
 */
export function decidingName(
  { parameters }: ServerTemplate,
  name: string,
  instance: string | null,
): DecidingName {
  const own = ownName(name, instance);
  const meant = [own, name];
  return {
    name: parameters.some((each) => each.name === own) ? own : name,
    isMisspelt: parameters.some(
      (each) => !meant.includes(each.name) && meant.includes(each.name.toUpperCase()),
    ),
  };
}

/**
 * The part of a template that decides about one parameter; null where the template has no such one.
 *
 * @throws what zod does, where the parameter is none
 */
export function parameterOf(template: ServerTemplate, name: string): TemplateParameter | null {
  const found = template.parameters.filter((each) => each.name === name);
  const [first] = found;
  if (first === undefined) return null;
  const { defaultValue, conditionalValues } = PARAMETER.parse(first.parameter);
  const used = template.conditions.filter((each) => conditionalValues.has(each.name));
  const names = new Set(used.map((each) => each.name));
  return {
    choices: used.map((each) => ({ ...each, value: conditionalValues.get(each.name) })),
    defaultValue,
    complaints: [
      ...(found.length > 1 ? ['it is there more than once, and the first counts'] : []),
      ...(names.size < used.length ? ['two conditions have one name'] : []),
      ...(names.size < conditionalValues.size ? ['a value for a condition that is not there'] : []),
    ],
  };
}

const EXPLICIT = z.object({ value: z.string() });
const IN_APP_DEFAULT = z.object({ useInAppDefault: z.literal(true) });
const NOT_HERE = ['rolloutValue', 'experimentValue', 'personalizationValue'];

/** The text that a parameter's value gives; null = it is no text at all. */
export function readText(
  json: unknown,
): { text: string | null } | { complaint: string } | 'in_app_default' {
  if (IN_APP_DEFAULT.safeParse(json).success) return 'in_app_default';
  const { data } = EXPLICIT.safeParse(json);
  if (data !== undefined) return { text: data.value };
  const isObject = typeof json === 'object' && json !== null;
  return NOT_HERE.some((kind) => isObject && Object.hasOwn(json, kind))
    ? { complaint: "a rollout, an experiment or a personalization, which can't be evaluated here" }
    : { text: null };
}
