import type { Leaf, LogPlace, MirroredPath } from '../paths/mirrored-path';
import type { Step } from '../paths/ref-pattern';
import type { InputIssue } from '../values/json';
import type { NodeMember } from './shard-node';

/** A leaf, or document, of a path as RTDB holds it. */
export interface FoundLeaf {
  leaf: Leaf;
  ref: string;
  /** As REST or an export shows it. */
  raw: unknown;
}

/** Something at a place where the path has nothing of the kind: no event of it can be mirrored. */
export interface OddPlace {
  ref: string;
  place: LogPlace;
  raw: unknown;
  issues: InputIssue[];
}

export interface NodeLeaves {
  leaves: FoundLeaf[];
  odd: OddPlace[];
}

/**
 * The leaves of a path in what RTDB holds of a shard. Siblings of its literals are no matter of the path. Pure.
 *
 * @param keys the literal keys down to the shard, it included
 * @param node what was read there; parts of it, for a part of the shard
 * @param asOf normalized instant: a day can't lie far ahead of it
 */
export function leavesOfNode(
  { path, below }: NodeMember,
  keys: readonly string[],
  node: unknown,
  asOf: string,
): NodeLeaves {
  const found: NodeLeaves = { leaves: [], odd: [] };
  walk({ path, below, asOf, found }, [...keys], 0, node);
  return found;
}

interface Walk {
  path: MirroredPath;
  below: readonly Step[];
  asOf: string;
  found: NodeLeaves;
}

/** `keys` is shared between the levels: a shard may have 100,000 leaves. */
function walk(at: Walk, keys: string[], depth: number, value: unknown): void {
  if (value === null || value === undefined) return;
  const step = at.below[depth];
  if (step === undefined) {
    takeLeaf(at, keys, value);
    return;
  }
  if (typeof value !== 'object') {
    takeOdd(at, keys, value, BRANCH_EXPECTED);
    return;
  }
  const children = value as Readonly<Record<string, unknown>>;
  if ('literal' in step) {
    if (!Object.hasOwn(children, step.literal)) takeUndated(at, keys, depth, value);
    else descend(at, keys, depth, step.literal, children[step.literal]);
    return;
  }
  for (const key of Object.keys(children)) descend(at, keys, depth, key, children[key]);
}

/** Below a key that is no date where the path has a day all is odd: leaves that lie one level too high, say. */
function takeUndated(at: Walk, keys: string[], depth: number, value: unknown): void {
  const { path, below } = at;
  const above = below[depth - 1];
  const key = keys.at(-1) ?? '';
  const isDay =
    above !== undefined &&
    'part' in above &&
    partsOfPlace(path, keys).length - 1 === path.keyColumns.indexOf(path.dayColumn ?? '');
  if (!isDay || DATE.test(key) || path.ignored.includes(key)) return;
  takeScalars(at, keys, value);
}

/** Of whatever calendar. */
const DATE = /^\d+-\d+-\d+$/;

function takeScalars(at: Walk, keys: string[], value: unknown): void {
  if (value === null || value === undefined) return;
  if (typeof value !== 'object') {
    takeOdd(at, keys, value, DATE_EXPECTED);
    return;
  }
  for (const [key, child] of Object.entries(value)) {
    keys.push(key);
    takeScalars(at, keys, child);
    keys.pop();
  }
}

const DATE_EXPECTED = 'expected a date, YYYY-MM-DD, where the path has a day, by its ref';

function descend(at: Walk, keys: string[], depth: number, key: string, child: unknown): void {
  keys.push(key);
  walk(at, keys, depth + 1, child);
  keys.pop();
}

function takeLeaf({ path, asOf, found }: Walk, keys: readonly string[], raw: unknown): void {
  const ref = keys.join('/');
  const parsed = path.parsePath(ref, asOf);
  if (parsed.ok) found.leaves.push({ leaf: parsed.leaf, ref, raw });
  else found.odd.push({ ref, raw, place: parsed.place, issues: parsed.issues });
}

const BRANCH_EXPECTED = 'expected more keys below it, by the ref of the path';

function takeOdd(
  { path, found }: Walk,
  keys: readonly string[],
  raw: unknown,
  message: string,
): void {
  const ref = keys.join('/');
  // The parts that it has: enough for the shard, and for its day.
  const parts = partsOfPlace(path, keys);
  const { shard, day } = path.placeOf({ key: {}, parts });
  found.odd.push({
    ref,
    raw,
    place: { shard, day, key: null },
    issues: [{ field: 'ref', message: `${message} ${path.ref}` }],
  });
}

/** What stands at the places of the parts, whether or not it is such a part. Pure. */
export function partsOfPlace(
  { ref }: Pick<MirroredPath, 'ref'>,
  keys: readonly string[],
): string[] {
  return ref.split('/').flatMap((step, place) => {
    const key = keys[place];
    return step.startsWith('{') && key !== undefined ? [key] : [];
  });
}
