import type { MirroredPath } from '../paths/mirrored-path';
import { relationOf, type Step, stepsOfPattern, stepsOfRef } from '../paths/ref-pattern';
import { RtdbReadError } from '../rtdb/rtdb-client';
import { keysBeside, sampleNodes, type TreeSource } from './sample-tree';

/** Bounds how many root trees are listed; an app has tens. */
const MOST_TREES = 500;

/** What RTDB holds beside the declared paths, that nobody mirrors, excludes or ignores. */
export interface Unmirrored {
  /** Keys of the root, as RTDB has them: text from outside. */
  trees: readonly string[];
  /** Keys beside the literals of paths, each below the pattern of its node: `daily_quests/{coupleId}`. */
  siblings: readonly { below: string; key: string }[];
  /** Where no siblings could be looked for, and why. */
  unread: readonly { below: string; reason: string }[];
}

/** A node in which paths name keys. */
interface Junction {
  steps: readonly Step[];
  /** Keys that its paths ignore on purpose. */
  ignored: ReadonlySet<string>;
}

/**
 * Looks for what nobody mirrors: at all keys of the root, and at a bounded sample below it, about 30
 * small requests for each node in which paths name keys. Reads keys alone.
 *
 * @throws RtdbReadError where not even the root can be read
 */
export async function findUnmirrored(
  paths: readonly MirroredPath[],
  neverMirror: readonly string[],
  source: TreeSource,
): Promise<Unmirrored> {
  const refs = paths.map(({ ref }) => stepsOfRef(ref));
  const excluded = neverMirror.flatMap((tree) => [stepsOfPattern(tree) ?? []]);
  const isKnown = (node: readonly Step[]) =>
    refs.some((ref) => relationOf(ref, node) !== null) ||
    excluded.some((tree) => tree.length > 0 && isAtOrAbove(tree, node));
  const unknown = ({ steps, ignored }: Junction, keys: Iterable<string>) =>
    [...keys].filter((key) => !ignored.has(key) && !isKnown([...steps, { literal: key }])).sort();
  const root = await source.keysOf([], MOST_TREES, 'first');
  const trees = unknown({ steps: [], ignored: new Set() }, root);
  const siblings: { below: string; key: string }[] = [];
  const unread: { below: string; reason: string }[] = [];
  for (const junction of junctionsOf(paths)) {
    const below = patternOf(junction.steps);
    try {
      const nodes = await sampleNodes(junction.steps, source);
      const keys = unknown(junction, await keysBeside(nodes, source));
      siblings.push(...keys.map((key) => ({ below, key })));
    } catch (error) {
      if (!(error instanceof RtdbReadError)) throw error;
      unread.push({ below, reason: error.message });
    }
  }
  return { trees, siblings, unread };
}

function isAtOrAbove(tree: readonly Step[], node: readonly Step[]): boolean {
  const relation = relationOf(tree, node);
  return relation === 'same' || relation === 'above';
}

/** All but the root. Paths may call the parts of one node differently. */
function junctionsOf(paths: readonly MirroredPath[]): Junction[] {
  const found = new Map<string, { steps: readonly Step[]; ignored: Set<string> }>();
  for (const { ref, ignored } of paths) {
    const all = stepsOfRef(ref);
    all.forEach((step, place) => {
      if (place === 0 || 'part' in step) return;
      const steps = all.slice(0, place);
      const id = patternOf(
        steps.map((other) => ('part' in other ? { ...other, part: '' } : other)),
      );
      const junction = found.get(id) ?? { steps, ignored: new Set<string>() };
      for (const key of ignored) junction.ignored.add(key);
      found.set(id, junction);
    });
  }
  return [...found.values()];
}

function patternOf(steps: readonly Step[]): string {
  return steps.map((step) => ('part' in step ? `{${step.part}}` : step.literal)).join('/');
}
