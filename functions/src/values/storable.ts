import { hash } from 'node:crypto';
import type { InputIssue, Json, JsonObject } from './json';

/**
 * What RTDB may hold and Postgres' `text` and `jsonb` refuse: U+0000, and surrogates without their
 * other half. Source: PostgreSQL manual, 8.14 "JSON Types".
 */
const UNSTORABLE = /\0|\p{Surrogate}/gu;

/** A divergence row is evidence for people, not a copy: larger values are cut to a head. */
const MAX_EVIDENCE_CHARS = 8_192;
const HEAD_CHARS = 1_024;

/** Whether Postgres can hold this text. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** Where in `value` the first text stands that Postgres can't hold, as `value.a.b`; or null. */
export function findUnstorable(value: Json, at: string): string | null {
  const place = placeOfUnstorable(value);
  return place === null ? null : at + place;
}

/** The complaint about what `findUnstorable` found. */
export function unstorableIssue(field: string): InputIssue {
  return {
    field,
    message: 'expected text without U+0000 and lone surrogates, which jsonb refuses',
  };
}

/** Put together on the way back: a value may have tens of thousands of fields, all of them good. */
function placeOfUnstorable(value: Json): string | null {
  if (typeof value === 'string') return isStorable(value) ? null : '';
  if (value === null || typeof value !== 'object') return null;
  for (const key of Object.keys(value)) {
    if (!isStorable(key)) return `.${escapeText(key)}`;
    const place = placeOfUnstorable((value as JsonObject)[key] ?? null);
    if (place !== null) return `.${key}${place}`;
  }
  return null;
}

/** Text with each refused character written out, such as `\u0000`. */
export function escapeText(text: string): string {
  return text.replace(
    UNSTORABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * Text as evidence: escaped, and where it has more bytes cut to a head, with a hash that tells it from
 * others that begin so.
 */
export function textEvidence(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes && isStorable(text)) return text;
  const escaped = escapeText(text);
  if (escaped.length <= maxBytes && Buffer.byteLength(escaped) <= maxBytes) return escaped;
  // Half of a pair may be left at the end.
  const head = escapeText(escaped.slice(0, maxBytes / 4));
  return `${head}\u2026 (${escaped.length} characters, sha256 ${hash('sha256', escaped).slice(0, 16)})`;
}

/** A value as evidence in the divergence log: escaped, and cut where it is large. */
export function asEvidence(value: Json): Json {
  const escaped = escapeValue(value);
  const text = JSON.stringify(escaped);
  if (text.length <= MAX_EVIDENCE_CHARS) return escaped;
  return {
    truncated: true,
    bytes: Buffer.byteLength(text),
    sha256: hash('sha256', text),
    head: escapeText(text.slice(0, HEAD_CHARS)),
  };
}

function escapeValue(value: Json): Json {
  if (typeof value === 'string') return escapeText(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(escapeValue);
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [escapeText(key), escapeValue(child)]),
  );
}
