import { CANARY_COUPLE } from '../paths/quest-completions/canary-couple';
import type { Step } from '../paths/ref-pattern';
import { canonicalValue } from '../values/rtdb-value';

/** Where a sample is read from: RTDB, or an export of it. */
export interface TreeSource {
  /** Some keys of a node, `most` at most; none where it is no branch. */
  keysOf(path: readonly string[], most: number): Promise<readonly string[]>;
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
    if ('literal' in step) {
      if (keys.size > 0) await collectSiblings(nodes, step.literal, source, siblings);
      nodes = nodes.map((node) => [...node, step.literal]);
      continue;
    }
    const most = keys.size === 0 ? SHARDS : KEYS_OF_A_NODE;
    nodes = await childrenOf(nodes, most, source);
    keys.set(step.part, new Set(nodes.map((node) => node.at(-1) ?? '')));
  }
  const values = await Promise.all(nodes.map((node) => source.valueAt(node)));
  return {
    documents: values.map(canonicalValue).filter((value) => value !== null),
    tooLarge: values.filter((value) => value === undefined).length,
    keys,
    siblings: [...siblings].sort(),
  };
}

async function childrenOf(
  nodes: readonly string[][],
  most: number,
  source: TreeSource,
): Promise<string[][]> {
  const children = await Promise.all(
    nodes.map(async (node) => {
      const keys = await source.keysOf(node, most + 1);
      const kept = keys.filter((key) => key !== CANARY_COUPLE).slice(0, most);
      return kept.map((key) => [...node, key]);
    }),
  );
  return children.flat().slice(0, NODES);
}

async function collectSiblings(
  nodes: readonly string[][],
  literal: string,
  source: TreeSource,
  siblings: Set<string>,
): Promise<void> {
  const looked = nodes.slice(0, SHARDS);
  const found = await Promise.all(looked.map((node) => source.keysOf(node, SIBLINGS_OF_A_NODE)));
  for (const key of found.flat()) if (key !== literal) siblings.add(key);
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
    async keysOf(path, most) {
      const node = nodeAt(path);
      return typeof node === 'object' && node !== null ? Object.keys(node).slice(0, most) : [];
    },
    async valueAt(path) {
      return nodeAt(path);
    },
  };
}
