import { isRecord } from '../data/json';
import type { Path } from '../data/path';
import { RtdbError } from '../rtdb-error';

const STRING_OR_COMMENT = /"(?:\\.|[^"\\])*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;

/** Strips `//` and `/* *\/` comments, which rules files may have, keeping line numbers. */
function withoutComments(source: string): string {
  return source.replace(STRING_OR_COMMENT, (token) =>
    token.startsWith('"') ? token : token.replace(/[^\n]/g, ' '),
  );
}

/** Parses a rules file. Throws `RtdbError` `invalid` with the reason. */
export function parseRulesJson(source: string): Record<string, unknown> {
  let definition: unknown;
  try {
    definition = JSON.parse(withoutComments(source));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RtdbError('invalid', `Parse error: ${reason}`);
  }
  if (!isRecord(definition) || !isRecord(definition.rules)) {
    throw new RtdbError('invalid', 'Parse error: Expected a top-level "rules" object');
  }
  return definition;
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
