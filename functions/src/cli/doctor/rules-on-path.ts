/** Rules of one kind that hold for a path: whichever of them grants, it is granted. */
export interface Grants {
  /** To everybody, from this place downwards; null = no rule is simply true. */
  everybodyAt: string | null;
  /** Conditions, and where they are. */
  conditions: { at: string; condition: string }[];
  /** Whether some rule may grant a part of what lies there. */
  isInPart: boolean;
}

export interface RulesOnPath {
  read: Grants;
  write: Grants;
  /** Whether anything is demanded of what is written there. */
  isValidated: boolean;
}

/**
 * What rules say about a path of the database, whatever else they hold. `.read` and `.write` cascade: what
 * is granted above holds below, and nothing takes it back. A key's own rules come before a wildcard's.
 * Pure.
 *
 * Source: https://firebase.google.com/docs/database/security/core-syntax
 *
 * @param rules the object under `rules`
 * @param pattern keys, wildcards in braces
 */
export function rulesOnPath(rules: object, pattern: string): RulesOnPath {
  const nodes: { at: string; rules: Map<string, unknown> }[] = [];
  let node: unknown = rules;
  let at = '';
  for (const segment of [null, ...pattern.split('/')]) {
    const above = nodes.at(-1)?.rules;
    if (segment !== null) [at, node] = childOf(above, segment, at);
    if (typeof node !== 'object' || node === null) break;
    nodes.push({ at: at || '/', rules: new Map(Object.entries(node)) });
  }
  const isWhole = nodes.length === pattern.split('/').length + 1;
  const grants = (kind: string): Grants => {
    const found = nodes.map((each) => ({ at: each.at, rule: each.rules.get(kind) }));
    return {
      everybodyAt: found.find(({ rule }) => isTrue(rule))?.at ?? null,
      conditions: found.flatMap(({ at: place, rule }) =>
        typeof rule === 'string' && !isTrue(rule) && !isFalse(rule)
          ? [{ at: place, condition: rule.trim() }]
          : [],
      ),
      isInPart:
        isWhole && [...(nodes.at(-1)?.rules ?? [])].some(([, child]) => grantsIn(child, kind)),
    };
  };
  return {
    read: grants('.read'),
    write: grants('.write'),
    isValidated: nodes.some((each) => each.rules.has('.validate')),
  };
}

/** Whether rules of a node or below it may grant something. */
function grantsIn(node: unknown, kind: string): boolean {
  if (typeof node !== 'object' || node === null) return false;
  return Object.entries(node).some(([key, rule]) =>
    key === kind
      ? rule !== undefined && !isFalse(rule)
      : !key.startsWith('.') && grantsIn(rule, kind),
  );
}

function childOf(
  above: Map<string, unknown> | undefined,
  segment: string,
  at: string,
): [string, unknown] {
  const wildcard = [...(above?.keys() ?? [])].find((key) => key.startsWith('$'));
  const isLiteral = !segment.startsWith('{') && above?.has(segment);
  const key = isLiteral ? segment : wildcard;
  return [`${at}/${key ?? segment}`, key === undefined ? undefined : above?.get(key)];
}

/** Whether a condition asks who somebody is; one that does not holds for everybody. */
export function asksWho(condition: string): boolean {
  return /\bauth\b/.test(condition.replace(/'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"/g, "''"));
}

const isTrue = (rule: unknown) => rule === true || literalOf(rule) === 'true';
const isFalse = (rule: unknown) => rule === false || literalOf(rule) === 'false';

const literalOf = (rule: unknown) =>
  typeof rule === 'string' ? rule.replace(/^[\s(]+|[\s)]+$/g, '') : null;

/** Strings, which may span lines, and comments. */
const STRING_OR_COMMENT = /"(?:\\[\s\S]|[^"\\])*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
/** Strings, and a comma before the end of a list. */
const STRING_OR_LAST_COMMA = /"(?:\\.|[^"\\])*"|,(?=\s*[}\]])/g;

/**
 * Parses security rules of RTDB: JSON that may have comments, and line ends within strings. In two
 * steps: one pattern for a comma and the comments after it takes hours over a line of slashes.
 *
 * Source: https://firebase.google.com/docs/database/security/rules-conditions
 *
 * @throws SyntaxError where they are none
 */
export function parseRulesJson(text: string): unknown {
  const withoutComments = text
    .replace(/^\ufeff/, '')
    .replace(STRING_OR_COMMENT, (token) =>
      token.startsWith('"') ? token.replace(/[\n\r\t]/g, ' ') : ' ',
    );
  return JSON.parse(
    withoutComments.replace(STRING_OR_LAST_COMMA, (token) => (token === ',' ? '' : token)),
  );
}
