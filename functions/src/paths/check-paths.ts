import { ConfigurationError } from '../errors/mirror-error';
import type { Json } from '../values/json';
import { canonicalValue, isSameValue, isTooDeep } from '../values/rtdb-value';
import type { MirroredPath } from './mirrored-path';
import { relationOf, type Step, stepsOfPattern, stepsOfRef } from './ref-pattern';

/** The other exported functions: no trigger may have one of these names. */
export const SERVICES = [
  'mirrorApi',
  'mirrorCanary',
  'mirrorDashboard',
  'mirrorReconcile',
] as const;

/** In milliseconds since 1970: any will do. */
const SOME_TIME_MS = 1_763_553_600_000;

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
    checkCanary(path, complain);
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

/** What a canary writes has to be mirrored, and each has to be told from the one before. */
function checkCanary(path: MirroredPath, complain: (complaint: string) => void): void {
  const [first, next] = [SOME_TIME_MS, SOME_TIME_MS + 1].map((ms) => canonicalCanary(path, ms));
  if (first === undefined || next === undefined || isSameValue(first, next)) {
    complain('canary: expected a value that differs from one millisecond to the next');
  }
  const parsed = path.parseValue(first, null, '2025-11-19T12:00:00.000000Z');
  if (!parsed.ok || parsed.state.payload === null) {
    complain('canary: expected a value that the path mirrors');
  }
}

/** Null for what no write brings: it throws, or is deeper than RTDB. */
function canonicalCanary(path: MirroredPath, ms: number): Json {
  try {
    const value = path.canary(ms);
    return isTooDeep(value) ? null : canonicalValue(value);
  } catch {
    return null;
  }
}

/** A tree that no node can lie in would exclude nothing. */
function stepsOfTree(tree: string): Step[] {
  const steps = stepsOfPattern(tree);
  if (steps !== null) return steps;
  throw new ConfigurationError(
    `neverMirror ${JSON.stringify(tree)}: expected keys and parts such as {coupleId}, joined by /`,
  );
}
