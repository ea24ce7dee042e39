import { z } from 'zod';

/**
 * Remote Config's server template, as far as one flag needs it.
 *
 * Source: firebase-admin, `remote-config-api.d.ts` (`ServerTemplateData`)
 */
const TEMPLATE = z.object({
  conditions: z.array(z.looseObject({ name: z.string(), condition: z.json() })).default([]),
  parameters: z
    .record(
      z.string(),
      z.looseObject({
        defaultValue: z.json().optional(),
        conditionalValues: z.record(z.string(), z.json()).optional(),
      }),
    )
    .default({}),
  version: z.looseObject({ versionNumber: z.coerce.number().int() }).optional(),
});

export type ServerTemplate = z.infer<typeof TEMPLATE>;
export type Condition = ServerTemplate['conditions'][number]['condition'];

/** @throws what zod does, where it is no template */
export function parseServerTemplate(json: unknown): ServerTemplate {
  return TEMPLATE.parse(json);
}

/**
 * The part of a template that decides about one parameter, so that evaluating it does not evaluate
 * all the others; null where the template has no such parameter. Conditions keep their order: it is
 * their priority.
 */
export function partOf(template: ServerTemplate, name: string): ServerTemplate | null {
  const parameter = template.parameters[name];
  if (parameter === undefined) return null;
  const used = parameter.conditionalValues ?? {};
  return {
    conditions: template.conditions.filter((condition) => condition.name in used),
    parameters: { [name]: parameter },
    version: template.version,
  };
}
