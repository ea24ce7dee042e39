import type { ZodError } from 'zod';
import type { FieldError } from './problem';

/** What zod complains of, field by field; `root` names the whole. */
export function fieldErrorsOf(error: ZodError, root: string): FieldError[] {
  return error.issues.map(({ path, message }) => ({
    field: path.length === 0 ? root : path.join('.'),
    message,
  }));
}
