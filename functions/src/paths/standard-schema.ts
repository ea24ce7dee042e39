import type { InputIssue, Json } from '../values/json';
import { textEvidence } from '../values/storable';

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

/** The vendor of the mirror's own schemas, whose messages quote no value. */
export const OWN_VENDOR = 'quest-mirror';

const NONE: InputIssue[] = [];
/** A document may have as many wrong fields as it has any; a few show what is wrong. */
const MAX_ISSUES = 16;
const MAX_TEXT_BYTES = 1_000;

/**
 * What a schema complains of, field by field: `value.a.b`. Never throws: an event that made it throw
 * would do so on every retry.
 */
export function issuesOf(schema: StandardSchema | undefined, value: Json): InputIssue[] {
  if (schema === undefined) return NONE;
  try {
    const result = schema['~standard'].validate(value);
    if (!isPromise(result)) {
      if (result.issues === undefined) return NONE;
      const issues = result.issues.slice(0, MAX_ISSUES).map(asInputIssue);
      if (schema['~standard'].vendor === OWN_VENDOR) return issues;
      return issues.map((issue) => ({ ...issue, mayQuote: true }));
    }
    // Nobody waits for it, so that its rejection mustn't end the process.
    result.then(undefined, () => {});
    return [{ field: 'value', message: 'expected a schema that answers at once' }];
  } catch {
    return [{ field: 'value', message: 'expected a schema that does not throw' }];
  }
}

function isPromise(result: Result | Promise<Result>): result is Promise<Result> {
  return 'then' in result && typeof result.then === 'function';
}

function asInputIssue({ path = [], message }: Issue): InputIssue {
  const steps = path.map((step) => String(typeof step === 'object' ? step.key : step));
  // It may quote a value, cut where half of an emoji stands, which jsonb refuses.
  return {
    field: textEvidence(['value', ...steps].join('.'), MAX_TEXT_BYTES),
    message: textEvidence(String(message), MAX_TEXT_BYTES),
  };
}
