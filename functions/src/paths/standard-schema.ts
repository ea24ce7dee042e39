import type { InputIssue, Json } from '../values/json';

/**
 * The interface of schema libraries, of zod for one. Source: https://standardschema.dev, version 1.
 */
export interface StandardSchema {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Result | Promise<Result>;
  };
}

interface Result {
  readonly issues?: readonly Issue[] | undefined;
}

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

const NONE: InputIssue[] = [];

/**
 * What a schema complains of, field by field: `value.a.b`. Never throws: an event that made it throw
 * would do so on every retry.
 */
export function issuesOf(schema: StandardSchema | undefined, value: Json): InputIssue[] {
  if (schema === undefined) return NONE;
  const result = resultOf(schema, value);
  if (result.issues === undefined) return NONE;
  return result.issues.map(({ path = [], message }) => ({
    field: [
      'value',
      ...path.map((step) => String(typeof step === 'object' ? step.key : step)),
    ].join('.'),
    message,
  }));
}

function resultOf(schema: StandardSchema, value: Json): Result {
  try {
    const result = schema['~standard'].validate(value);
    if (!(result instanceof Promise)) return result;
    // Nobody waits for it, so that its rejection mustn't end the process.
    result.catch(() => {});
    return { issues: [{ message: 'expected a schema that answers at once' }] };
  } catch {
    return { issues: [{ message: 'expected a schema that does not throw' }] };
  }
}
