import { parse } from 'firebase-json';
import { isRecord } from '../data/json';
import type { Path } from '../data/path';
import { RtdbError } from '../rtdb-error';

/**
 * Parses a rules file: JSON with comments, trailing commas and line breaks inside strings, without
 * duplicate keys. Throws `RtdbError` `invalid` with line and reason.
 */
export function parseRulesJson(source: string): Record<string, unknown> {
  let definition: unknown;
  try {
    definition = parse(withPlainSpace(source));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RtdbError('invalid', `Parse error: ${reason}`);
  }
  if (!isRecord(definition) || !isRecord(definition.rules)) {
    throw new RtdbError('invalid', 'Parse error: Expected a top-level "rules" object');
  }
  assertPlain(definition);
  return definition;
}

/** The parser refuses a byte order mark, and tabs inside strings, which indent rules of several lines. */
export const withPlainSpace = (source: string): string =>
  source.replace(/^\ufeff/, '').replace(/[\t\r]/g, ' ');

/** The parser takes the key `__proto__` for the prototype. */
function assertPlain(rules: Record<string, unknown>): void {
  if (Object.getPrototypeOf(rules) !== Object.prototype) {
    throw new RtdbError('invalid', 'Parse error: rules for the key "__proto__" are not supported');
  }
  Object.values(rules).filter(isRecord).forEach(assertPlain);
}

/** Whether `.indexOn` at `path` lists `index`; `definition` as `parseRulesJson` returns it. */
export function hasIndex(definition: Record<string, unknown>, path: Path, index: string): boolean {
  let rules: unknown = definition.rules;
  for (const key of path) {
    if (!isRecord(rules)) {
      return false;
    }
    const wildcard = Object.keys(rules).find((name) => name.startsWith('$'));
    rules = Object.hasOwn(rules, key) ? rules[key] : wildcard && rules[wildcard];
  }
  const declared = isRecord(rules) ? rules['.indexOn'] : undefined;
  return Array.isArray(declared) ? declared.includes(index) : declared === index;
}
