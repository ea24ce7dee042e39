import type { MirroredPath } from '../paths/mirrored-path';
import { type Step, stepsOfRef } from '../paths/ref-pattern';

/** A node of RTDB whose children are shards, and the paths that lie in it: they are read together. */
export interface ShardNode {
  /** The literal keys above the shard: `['daily_quests']`. */
  root: readonly string[];
  members: readonly NodeMember[];
}

/** A path, as it lies below its shard. */
export interface NodeMember {
  path: MirroredPath;
  /** What its ref has below the shard. */
  below: readonly Step[];
  /** The literals between shard and day, where a range of days can be asked for; null = it can't. */
  aboveDay: readonly string[] | null;
}

/** Whether a part of it can be asked for: some days, or some keys. Else all is read. Pure. */
export function isReadInParts({ path, below, aboveDay }: NodeMember): boolean {
  if (aboveDay !== null) return true;
  return path.dayColumn === null && below.filter((step) => 'part' in step).length === 1;
}

/** The nodes of these paths, in their order. Pure. */
export function shardNodes(paths: readonly MirroredPath[]): ShardNode[] {
  const nodes = new Map<string, { root: readonly string[]; members: NodeMember[] }>();
  for (const path of paths) {
    const { root, member } = memberOf(path);
    const key = root.join('/');
    const node = nodes.get(key) ?? { root, members: [] };
    node.members.push(member);
    nodes.set(key, node);
  }
  return [...nodes.values()];
}

function memberOf(path: MirroredPath): { root: readonly string[]; member: NodeMember } {
  const steps = stepsOfRef(path.ref);
  const shardPlace = steps.findIndex((step) => 'part' in step);
  const below = steps.slice(shardPlace + 1);
  const firstPart = below.findIndex((step) => 'part' in step);
  const first = below[firstPart];
  const isDay = first !== undefined && 'part' in first && first.column === path.dayColumn;
  return {
    root: literalsOf(steps.slice(0, shardPlace)),
    member: { path, below, aboveDay: isDay ? literalsOf(below.slice(0, firstPart)) : null },
  };
}

/** Of a declared path. It is asked for with every key, and a ref takes a dozen searches to read. */
export function stepsOf(ref: string): readonly Step[] {
  const steps = STEPS.get(ref) ?? stepsOfRef(ref);
  STEPS.set(ref, steps);
  return steps;
}

const STEPS = new Map<string, readonly Step[]>();

function literalsOf(steps: readonly Step[]): string[] {
  return steps.flatMap((step) => ('literal' in step ? [step.literal] : []));
}
