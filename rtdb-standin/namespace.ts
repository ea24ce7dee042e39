import type { CommitTime } from './commit-clock';
import type { Auth } from './credentials';
import { importJson, priorityValue } from './data/import-json';
import { isRecord } from './data/json';
import { nodeAt, setAt, type Tree, valueAt, withPriority } from './data/node';
import { nodeHash } from './data/node-hash';
import { formatPath, type Path, parsePath } from './data/path';
import { applyQuery } from './query/apply-query';
import type { QuerySpec } from './query/query-spec';
import { RtdbError } from './rtdb-error';
import { OPEN_RULES, type SecurityRules } from './rules/security-rules';

/** A write as REST and the SDKs ask for it; `value` is JSON that has not been checked yet. */
export interface WriteRequest {
  readonly kind: 'set' | 'merge';
  readonly path: Path;
  readonly value: unknown;
  readonly auth: Auth;
  /** A transaction's: refused with `datastale` unless the present value has this hash. */
  readonly expectedHash?: string;
  readonly disableTriggers?: boolean;
}

/** One committed write: the whole tree before and after it. */
export interface Commit {
  readonly namespace: string;
  readonly before: Tree;
  readonly after: Tree;
  readonly time: CommitTime;
  readonly auth: Auth;
  readonly disableTriggers: boolean;
}

interface PlannedWrite {
  readonly after: Tree;
  readonly paths: readonly Path[];
}

/** The data, rules and listeners of one database instance. */
export class Namespace {
  rules: SecurityRules = OPEN_RULES;
  readonly #commitListeners = new Set<(commit: Commit) => void>();
  readonly #rulesListeners = new Set<() => void>();
  #root: Tree = null;

  constructor(
    readonly name: string,
    private readonly nextCommitTime: () => CommitTime,
    private readonly now: () => number,
    private readonly log: (line: string) => void,
  ) {}

  get root(): Tree {
    return this.#root;
  }

  /** Calls `listener` after each commit, before the writer hears of it. Returns how to stop. */
  onCommit(listener: (commit: Commit) => void): () => void {
    this.#commitListeners.add(listener);
    return () => this.#commitListeners.delete(listener);
  }

  onRulesChange(listener: () => void): () => void {
    this.#rulesListeners.add(listener);
    return () => this.#rulesListeners.delete(listener);
  }

  setRules(rules: SecurityRules): void {
    this.rules = rules;
    for (const listener of [...this.#rulesListeners]) {
      listener();
    }
  }

  mayRead(auth: Auth, path: Path, query: QuerySpec | null): boolean {
    const nowMs = this.now();
    return this.rules.allowsRead({ auth, root: this.#root, path: readable(path), query, nowMs });
  }

  /** The value at `path` as `query` selects it. Throws `RtdbError` `permission_denied`. */
  read(auth: Auth, path: Path, query: QuerySpec | null = null): Tree {
    if (!this.mayRead(auth, path, query)) {
      throw new RtdbError('permission_denied', 'Permission denied');
    }
    return applyQuery(valueAt(this.#root, path), query);
  }

  /**
   * Commits a write and tells the listeners.
   * Throws `RtdbError`: `invalid`, `permission_denied`, `datastale`.
   */
  write(request: WriteRequest): Commit {
    const time = this.nextCommitTime();
    const before = this.#root;
    const { after } = this.#plan(request, time.ms);
    this.#root = after;
    const { auth, disableTriggers = false } = request;
    const commit = { namespace: this.name, before, after, time, auth, disableTriggers };
    for (const listener of [...this.#commitListeners]) {
      try {
        listener(commit);
      } catch (error) {
        // The write is done: what one listener makes of it is not the writer's concern.
        this.log(`a listener failed: ${String(error)}`);
      }
    }
    return commit;
  }

  /** Throws what `write` would throw, and writes nothing. */
  checkWrite(request: WriteRequest): void {
    this.#plan(request, Math.floor(this.now()));
  }

  #plan(request: WriteRequest, nowMs: number): PlannedWrite {
    const { path, expectedHash, auth } = request;
    const before = this.#root;
    if (expectedHash !== undefined && nodeHash(nodeAt(before, path)) !== expectedHash) {
      throw new RtdbError('datastale', 'Transaction hash does not match');
    }
    const planned =
      request.kind === 'set'
        ? planSet(before, path, request.value, nowMs)
        : planMerge(before, path, request.value, nowMs);
    const { after, paths } = planned;
    if (!this.rules.allowsWrite({ auth, before, after, paths, nowMs })) {
      throw new RtdbError('permission_denied', 'Permission denied');
    }
    return planned;
  }
}

/** Who may read a node may read its priority. */
const readable = (path: Path): Path => path.filter((key) => key !== '.priority');

function planSet(root: Tree, path: Path, value: unknown, nowMs: number): PlannedWrite {
  if (path.at(-1) === '.priority') {
    const parent = path.slice(0, -1);
    const existing = nodeAt(root, parent);
    const priority = priorityValue(value, { nowMs, existing });
    const after = setAt(root, parent, withPriority(existing, priority));
    return { after, paths: [parent] };
  }
  const tree = importJson(value, { nowMs, existing: nodeAt(root, path) }, path.length);
  return { after: setAt(root, path, tree), paths: [path] };
}

function planMerge(root: Tree, path: Path, value: unknown, nowMs: number): PlannedWrite {
  // Removes all there is: `firebase database:remove` asks for it so.
  if (value === null) {
    return planSet(root, path, null, nowMs);
  }
  if (!isRecord(value)) {
    throw new RtdbError(
      'invalid',
      "Invalid data; couldn't parse JSON object. Are you sending a JSON object with valid key names?",
    );
  }
  const writes = Object.entries(value).map(([key, child]) => ({
    path: [...path, ...parsePath(key)],
    child,
  }));
  assertDisjoint(writes.map((write) => write.path));
  let after = root;
  for (const write of writes) {
    after = planSet(after, write.path, write.child, nowMs).after;
  }
  return { after, paths: writes.map((write) => readable(write.path)) };
}

/** A multi-path update may not write a location and its ancestor. */
function assertDisjoint(paths: readonly Path[]): void {
  const seen = new Set(paths.map(formatPath));
  for (const path of paths) {
    const conflicts = path.some((_, length) => seen.has(formatPath(path.slice(0, length))));
    if (conflicts && path.at(-1) !== '.priority') {
      throw new RtdbError('invalid', `Path '${formatPath(path)}' conflicts with its ancestor`);
    }
  }
  if (seen.size < paths.length) {
    throw new RtdbError('invalid', 'The same path is written twice in one update');
  }
}
