import type { RulesNode } from 'targaryen/lib/database/ruleset.js';

type Wildchildren = Readonly<Record<string, string>>;

/**
 * Makes targaryen look only the rules' own keys up: by itself it takes what every object has, such
 * as `constructor` or `toString`, for rules of a child of that name, and fails on it.
 */
export function ownChildrenOnly(root: RulesNode): void {
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
