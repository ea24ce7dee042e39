import { ConfigurationError } from '../configuration-error';
import type { MirroredPath } from './mirrored-path';
import { relationOf, type Step, stepsOfPattern, stepsOfRef } from './ref-pattern';

/** The exported functions that no path may be called like. */
export const SERVICES = [
  'mirrorApi',
  'mirrorCanary',
  'mirrorDashboard',
  'mirrorReconcile',
  'mirrorReconcileCouples',
] as const;

/**
 * Refuses paths that contradict each other, or a tree that is never to be mirrored.
 *
 * @throws ConfigurationError in one line
 */
export function checkPaths(paths: readonly MirroredPath[], neverMirror: readonly string[]): void {
  const excluded = neverMirror.map((tree) => ({ tree, steps: stepsOfTree(tree) }));
  paths.forEach((path, place) => {
    const complain = (complaint: string) => {
      throw new ConfigurationError(`path ${JSON.stringify(path.name)}: ${complaint}`);
    };
    if (SERVICES.some((name) => name === path.trigger)) {
      complain(`trigger ${path.trigger}: a function of the mirror has this name`);
    }
    for (const other of paths.slice(0, place)) {
      if (other.name === path.name) complain('two paths have this name');
      if (other.trigger === path.trigger) complain(`${other.name} has the same trigger`);
      if (relationOf(stepsOfRef(other.ref), stepsOfRef(path.ref)) === 'same') {
        complain(`its ref meets the nodes of ${other.name}, ${other.ref}`);
      }
    }
    for (const { tree, steps } of excluded) {
      if (relationOf(stepsOfRef(path.ref), steps) !== null) {
        complain(`its ref lies inside or above ${tree}, which is never mirrored`);
      }
    }
  });
}

/** A tree that no node can lie in would exclude nothing. */
function stepsOfTree(tree: string): Step[] {
  const steps = stepsOfPattern(tree);
  if (steps !== null) return steps;
  throw new ConfigurationError(
    `neverMirror ${JSON.stringify(tree)}: expected keys and parts such as {coupleId}, joined by /`,
  );
}
