/** A JSON value, as RTDB and Postgres' `jsonb` exchange it. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type JsonObject = { [key: string]: Json };

/** One complaint about outside input: which field, and what was expected of it. */
export interface InputIssue {
  field: string;
  message: string;
  /** Whether the message is of others, who may quote the input in it: nothing for a log. */
  mayQuote?: true;
}

/** What a value is, in words for a message: `null`, `array`, `string`, ... */
export function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** About how many bytes a value's JSON has. It copies nothing: values may be large. */
export function sizeOfJson(value: Json): number {
  if (typeof value === 'string') return Buffer.byteLength(value) + 2;
  if (typeof value !== 'object' || value === null) return 8;
  let bytes = 2;
  for (const key in value) {
    bytes += key.length + 4 + sizeOfJson((value as JsonObject)[key] ?? null);
  }
  return bytes;
}
