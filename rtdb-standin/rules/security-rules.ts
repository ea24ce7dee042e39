import type { RulesNode } from 'targaryen/lib/database/ruleset.js';
import type { Auth } from '../credentials';
import type { Tree } from '../data/node';
import { formatPath, type Path } from '../data/path';
import type { QuerySpec } from '../query/query-spec';
import { requiredIndex } from '../query/required-index';
import { RtdbError } from '../rtdb-error';
import { rulesDatabase } from './rule-data-snapshot';
import { ruleFault } from './rule-fault';
import { hasIndex, parseRulesJson, withPlainSpace } from './rules-json';

/** A namespace's security rules; an administrator passes them all. */
export interface SecurityRules {
  readonly source: string;
  allowsRead(read: RulesRead): boolean;
  allowsWrite(write: RulesWrite): boolean;
  hasIndex(path: Path, index: string): boolean;
}

export interface RulesRead {
  readonly auth: Auth;
  readonly root: Tree;
  readonly path: Path;
  readonly query: QuerySpec | null;
  readonly nowMs: number;
}

export interface RulesWrite {
  readonly auth: Auth;
  readonly before: Tree;
  readonly after: Tree;
  /** Each location that is written; all of them must be allowed. */
  readonly paths: readonly Path[];
  readonly nowMs: number;
}

/** What applies until rules are loaded, as in the official emulator. */
export const OPEN_RULES: SecurityRules = {
  source: '{"rules": {".read": true, ".write": true}}',
  allowsRead: () => true,
  allowsWrite: () => true,
  hasIndex: () => false,
};

const ruleAuth = (auth: Auth): Readonly<Record<string, unknown>> | null =>
  auth.kind === 'user' ? auth.auth : null;

function ruleQuery(query: QuerySpec | null): Record<string, unknown> {
  if (query === null) {
    return {};
  }
  const { index, start, end, limit } = query;
  const child = index.kind === 'child' ? requiredIndex(index) : null;
  return {
    ...(index.kind === 'key' && { orderByKey: true }),
    ...(index.kind === 'value' && { orderByValue: true }),
    ...(index.kind === 'priority' && { orderByPriority: true }),
    ...(child !== null && { orderByChild: child }),
    ...(start && { startAt: start.value }),
    ...(end && { endAt: end.value }),
    ...(start && start === end && { equalTo: start.value }),
    ...(limit && { [limit.from === 'first' ? 'limitToFirst' : 'limitToLast']: limit.count }),
  };
}

/**
 * Compiles a rules file (JSON with comments) with targaryen, which is loaded when first needed.
 * Throws `RtdbError` `invalid` where the rules do not compile.
 */
export async function compileRules(source: string): Promise<SecurityRules> {
  const definition = parseRulesJson(source);
  const targaryen = await import('targaryen/lib/database/ruleset.js');
  let ruleset: ReturnType<typeof targaryen.create>;
  try {
    ruleset = targaryen.create({ rules: definition.rules });
    ownChildrenOnly(ruleset.root);
  } catch {
    const compile = (rules: unknown) => targaryen.create({ rules });
    throw new RtdbError('invalid', ruleFault(withPlainSpace(source), definition.rules, compile));
  }
  return {
    source,
    allowsRead: ({ auth, root, path, query, nowMs }) =>
      auth.kind === 'admin' ||
      ruleset.tryRead(formatPath(path), rulesDatabase(root, ruleAuth(auth), nowMs), {
        now: nowMs,
        query: ruleQuery(query),
      }).allowed,
    allowsWrite: ({ auth, before, after, paths, nowMs }) => {
      if (auth.kind === 'admin') {
        return true;
      }
      const old = rulesDatabase(before, ruleAuth(auth), nowMs);
      const young = rulesDatabase(after, ruleAuth(auth), nowMs);
      return paths.every((path) => ruleset.tryWrite(formatPath(path), old, young, null).allowed);
    },
    hasIndex: (path, index) => hasIndex(definition, path, index),
  };
}

type Wildchildren = Readonly<Record<string, string>>;

/**
 * Makes targaryen look only the rules' own keys up: by itself it takes what every object has, such
 * as `constructor` or `toString`, for rules of a child of that name, and fails on it.
 */
function ownChildrenOnly(root: RulesNode): void {
  const prototype: { $child: typeof child } = Object.getPrototypeOf(root);
  prototype.$child = child;
}

/** As `RulesetNode.$child`. */
function child(
  this: RulesNode,
  path: string,
  given: Wildchildren = {},
): { rules: RulesNode; wildchildren: Wildchildren } | undefined {
  let rules = this;
  let wildchildren = given;
  for (const key of path.split('/').filter((part) => part !== '')) {
    const own = Object.hasOwn(rules, key) ? (rules[key] as RulesNode) : null;
    const next = own ?? rules.$wildchild;
    if (next === null) {
      return undefined;
    }
    if (own === null) {
      wildchildren = { ...wildchildren, [String(next.$name)]: key };
    }
    rules = next;
  }
  return { rules, wildchildren };
}
