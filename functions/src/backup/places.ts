import type { MirroredPath } from '../paths/mirrored-path';
import { type Step, stepsOfRef } from '../paths/ref-pattern';

/**
 * What the nodes at one place of the tree mean to the mirrored paths, each named by its number. Two
 * paths may share a tree, and one may lie in another's documents, so a place knows all of them.
 */
export interface Place {
  /** Whose leaf a node here is. */
  readonly leafOf: readonly number[];
  /** Whose shard it is. */
  readonly shardOf: readonly number[];
  /** Whose shards its children are. */
  readonly treeOf: readonly number[];
  /** Who expects children here: a scalar would be odd to them. */
  readonly branchOf: readonly number[];
  /** By key; any other key leads to `otherwise`. Null = nobody mirrors what is there. */
  readonly literals: ReadonlyMap<string, Place>;
  readonly otherwise: Place | null;
}

/** Where each path's parts stand in a node's keys, in the order of the primary key. */
export type PartDepths = readonly (readonly number[])[];

/** How far one path's pattern has been followed. */
interface Progress {
  path: number;
  depth: number;
}

/** The place of the root, from which all others follow, and where the parts are found. */
export function placesOf(paths: readonly MirroredPath[]): { root: Place; parts: PartDepths } {
  const steps = paths.map(({ ref }) => stepsOfRef(ref));
  const parts = steps.map((of) => of.flatMap((step, depth) => ('part' in step ? [depth] : [])));
  const root = placeAt(
    paths.map((_, path) => ({ path, depth: 0 })),
    steps,
  );
  return { root, parts };
}

function placeAt(reached: readonly Progress[], steps: readonly (readonly Step[])[]): Place {
  const nextOf = ({ path, depth }: Progress) => steps[path]?.[depth];
  const firstPart = ({ path }: Progress) => steps[path]?.findIndex((step) => 'part' in step) ?? -1;
  const numbersOf = (some: readonly Progress[]) => some.map(({ path }) => path);
  const follow = (key: string | null): Place | null => {
    const on = reached.filter((progress) => {
      const step = nextOf(progress);
      return step !== undefined && ('part' in step || step.literal === key);
    });
    if (on.length === 0) return null;
    return placeAt(
      on.map(({ path, depth }) => ({ path, depth: depth + 1 })),
      steps,
    );
  };
  const literals = new Map<string, Place>();
  for (const progress of reached) {
    const step = nextOf(progress);
    if (step === undefined || !('literal' in step)) continue;
    const place = follow(step.literal);
    if (place !== null) literals.set(step.literal, place);
  }
  return {
    leafOf: numbersOf(reached.filter((progress) => nextOf(progress) === undefined)),
    shardOf: numbersOf(reached.filter((progress) => firstPart(progress) === progress.depth - 1)),
    treeOf: numbersOf(reached.filter((progress) => firstPart(progress) === progress.depth)),
    branchOf: numbersOf(reached.filter((progress) => nextOf(progress) !== undefined)),
    literals,
    otherwise: follow(null),
  };
}

/** The place of a node's child; null where nobody mirrors it. */
export function childPlace(place: Place, key: string): Place | null {
  if (place.literals.size === 0) return place.otherwise;
  return place.literals.get(key) ?? place.otherwise;
}
