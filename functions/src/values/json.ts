/** A JSON value, as RTDB and Postgres' `jsonb` exchange it. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type JsonObject = { [key: string]: Json };

/** One complaint about outside input: which field, and what was expected of it. */
export interface InputIssue {
  field: string;
  message: string;
}

/** What a value is, in words for a message: `null`, `array`, `string`, ... */
export function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
