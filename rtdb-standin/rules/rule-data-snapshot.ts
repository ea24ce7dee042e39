import type { RulesDatabase } from 'targaryen/lib/database/ruleset.js';
import { exportJson } from '../data/export-json';
import type { Json } from '../data/json';
import { nodeAt, type Priority, type Tree } from '../data/node';
import { formatPath, type Path } from '../data/path';

const split = (path: string): Path => path.split('/').filter((key) => key !== '');

/**
 * `data`, `newData` and `root` of the rules, read from our trees: targaryen's own copies the whole
 * database for each request. targaryen tells types by the constructor's name, hence this one.
 * https://firebase.google.com/docs/reference/security/database#ruledatasnapshot_methods
 */
class RuleDataSnapshot {
  readonly #root: Tree;
  readonly #path: Path;

  constructor(root: Tree, path: Path) {
    this.#root = root;
    this.#path = path;
  }

  get #node(): Tree {
    return nodeAt(this.#root, this.#path);
  }

  val(): Json {
    return exportJson(this.#node);
  }

  exists(): boolean {
    return this.#node !== null;
  }

  child(path: unknown): RuleDataSnapshot {
    if (typeof path !== 'string') {
      throw new Error('child() needs a string');
    }
    return new RuleDataSnapshot(this.#root, [...this.#path, ...split(path)]);
  }

  parent(): RuleDataSnapshot {
    if (this.#path.length === 0) {
      throw new Error('the root has no parent');
    }
    return new RuleDataSnapshot(this.#root, this.#path.slice(0, -1));
  }

  hasChild(path: unknown): boolean {
    return path !== '' && this.child(path).exists();
  }

  hasChildren(keys?: readonly unknown[]): boolean {
    return keys === undefined
      ? this.#node?.kind === 'branch'
      : keys.every((key) => this.hasChild(key));
  }

  isNumber(): boolean {
    return this.#isLeafOf('number');
  }

  isString(): boolean {
    return this.#isLeafOf('string');
  }

  isBoolean(): boolean {
    return this.#isLeafOf('boolean');
  }

  getPriority(): Priority {
    return this.#node?.priority ?? null;
  }

  /** targaryen finds the rule for a visited node by this. */
  toString(): string {
    return formatPath(this.#path);
  }

  #isLeafOf(type: string): boolean {
    const node = this.#node;
    return node?.kind === 'leaf' && typeof node.value === type;
  }
}

/** A version of the database, in the shape that targaryen's ruleset reads. */
export function rulesDatabase(
  root: Tree,
  auth: Readonly<Record<string, unknown>> | null,
  nowMs: number,
): RulesDatabase {
  const walk = (path: Path, visit: (snapshot: object) => boolean): void => {
    const node = nodeAt(root, path);
    if (node?.kind !== 'branch') {
      return;
    }
    for (const { key } of node.children) {
      const childPath = [...path, key];
      const stop = visit(new RuleDataSnapshot(root, childPath));
      if (!stop) {
        walk(childPath, visit);
      }
    }
  };
  return {
    auth,
    timestamp: nowMs,
    debug: false,
    snapshot: (path) => new RuleDataSnapshot(root, split(path)),
    walk: (path, visit) => walk(split(path), visit),
  };
}
