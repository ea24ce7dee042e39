import { CANARY_COUPLE } from '../paths/quest-completions/canary-couple';
import type { Step } from '../paths/ref-pattern';
import { canonicalValue } from '../values/rtdb-value';

export type End = 'first' | 'last';

/** Where a sample is read from: RTDB, or an export of it. */
export interface TreeSource {
  /** Some keys of a node, `most` at most, from one end of their order; none where it isn't a branch. */
  keysOf(path: readonly string[], most: number, end: End): Promise<readonly string[]>;
  /** A node's value; null where there is none, undefined where it is too large to be read. */
  valueAt(path: readonly string[]): Promise<unknown>;
}

/** What was seen of a path. */
export interface Sample {
  /** What its leaves hold. */
  documents: readonly unknown[];
  /** How many more were too large to be read. */
  tooLarge: number;
  /** Keys by part. */
  keys: ReadonlyMap<string, ReadonlySet<string>>;
  /** Keys that lie beside the ref's literals, below the shard. */
  siblings: readonly string[];
}

export const EMPTY_SAMPLE: Sample = {
  documents: [],
  tooLarge: 0,
  keys: new Map(),
  siblings: [],
};

/** Bounds: about 130 requests at the deepest ref, whatever RTDB holds. */
const SHARDS = 12;
const KEYS_OF_A_NODE = 4;
const NODES = 40;
const SIBLINGS_OF_A_NODE = 20;

/** Follows a ref down, a few keys of each part, and reads the leaves that it ends in. */
export async function samplePath(steps: readonly Step[], source: TreeSource): Promise<Sample> {
  const keys = new Map<string, Set<string>>();
  const siblings = new Set<string>();
  let nodes: string[][] = [[]];
  for (const step of steps) {
    if ('literal' in step && keys.size > 0) {
      for (const key of await keysBeside(nodes, source))
        if (key !== step.literal) siblings.add(key);
    }
    nodes = await stepDown(nodes, step, keys.size === 0, source);
    if ('part' in step) keys.set(step.part, new Set(nodes.map((node) => node.at(-1) ?? '')));
  }
  const values = await Promise.all(nodes.map((node) => source.valueAt(node)));
  return {
    documents: values.map(canonicalValue).filter((value) => value !== null),
    tooLarge: values.filter((value) => value === undefined).length,
    keys,
    siblings: [...siblings].sort(),
  };
}

/** Follows steps down likewise, and reads no values. */
export async function sampleNodes(steps: readonly Step[], source: TreeSource): Promise<string[][]> {
  let nodes: string[][] = [[]];
  let isShard = true;
  for (const step of steps) {
    nodes = await stepDown(nodes, step, isShard, source);
    if ('part' in step) isShard = false;
  }
  return nodes;
}

/** Some keys of some of the nodes, evenly spread. */
export async function keysBeside(
  nodes: readonly string[][],
  source: TreeSource,
): Promise<Set<string>> {
  const count = Math.min(nodes.length, SHARDS);
  const looked = Array.from(
    { length: count },
    (_, n) => nodes[Math.floor((n * nodes.length) / count)],
  );
  const found = await Promise.all(
    looked.map((node = []) => source.keysOf(node, SIBLINGS_OF_A_NODE, 'first')),
  );
  return new Set(found.flat());
}

async function stepDown(
  nodes: readonly string[][],
  step: Step,
  isShard: boolean,
  source: TreeSource,
): Promise<string[][]> {
  if ('literal' in step) return nodes.map((node) => [...node, step.literal]);
  const most = isShard ? SHARDS : KEYS_OF_A_NODE;
  // Below the shard the last keys are the newest, of days and of push ids.
  const end = isShard ? 'first' : 'last';
  const children = await Promise.all(
    nodes.map(async (node) => {
      const keys = await source.keysOf(node, most + 1, end);
      const known = keys.filter((key) => key !== CANARY_COUPLE);
      return atEnd(known, most, end).map((key) => [...node, key]);
    }),
  );
  return children.flat().slice(0, NODES);
}

/** The first or the last of a list. */
export function atEnd<T>(list: readonly T[], most: number, end: End): readonly T[] {
  return end === 'first' ? list.slice(0, most) : list.slice(-most);
}

/** An export of RTDB, from its root, as JSON that was parsed. */
export function exportedTree(root: unknown): TreeSource {
  const nodeAt = (path: readonly string[]): unknown => {
    let node = root;
    for (const key of path) {
      if (typeof node !== 'object' || node === null || !Object.hasOwn(node, key)) return null;
      node = (node as Record<string, unknown>)[key];
    }
    return node ?? null;
  };
  return {
    async keysOf(path, most, end) {
      const node = nodeAt(path);
      return typeof node === 'object' && node !== null ? atEnd(Object.keys(node), most, end) : [];
    },
    async valueAt(path) {
      return nodeAt(path);
    },
  };
}
