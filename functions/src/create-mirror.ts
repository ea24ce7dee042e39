import './framework-errors';
import { readBodiesByTurns } from './body-turns';
import type { canaryFunction } from './canary-function';
import { type MirrorTrigger, mirrorTrigger } from './mirror-trigger';
import type { DeclaredPath } from './paths/define-path';
import type { MirroredPath } from './paths/mirrored-path';

/** What a team mirrors. */
export interface MirrorOptions<Paths extends readonly DeclaredPath[]> {
  paths: Paths;
  /** Trees of RTDB that no path may ever touch: `pairing_codes`. */
  neverMirror?: readonly string[];
}

type Services = typeof import('./reconcile-functions') &
  typeof import('./api-function') &
  typeof import('./dashboard-function') & {
    mirrorCanary: ReturnType<typeof canaryFunction>;
  };

/** The functions of a mirror by name: a trigger for each path, and the services. */
export type MirrorFunctions<Paths extends readonly DeclaredPath[]> = Services & {
  readonly [Path in Paths[number] as Path['trigger']]: MirrorTrigger;
};

/**
 * The functions to export, for `firebase deploy` to find.
 *
 * An instance runs one function, and the platform names it in FUNCTION_TARGET (discovery names none).
 * Triggers start most often: they do without what the others load, about 45 ms and 8 MB.
 *
 * @throws ConfigurationError where declarations contradict each other
 */
export function createMirror<const Paths extends readonly DeclaredPath[]>({
  paths,
  neverMirror = [],
}: MirrorOptions<Paths>): MirrorFunctions<Paths> {
  const target = process.env.FUNCTION_TARGET;
  const own = paths.find(({ trigger }) => trigger === target);
  if (own !== undefined) readBodiesByTurns();
  // What is deployed was discovered, and so checked, before.
  else loadCheck().checkPaths(paths, neverMirror);
  const names = paths.map(({ name }) => name);
  const triggers = (own === undefined ? paths : [own]).map((path: MirroredPath) => [
    path.trigger,
    mirrorTrigger(path, names),
  ]);
  const services = own === undefined ? loadServices(paths) : {};
  return { ...services, ...Object.fromEntries(triggers) } as MirrorFunctions<Paths>;
}

function loadCheck(): typeof import('./paths/check-paths') {
  return require('./paths/check-paths') as typeof import('./paths/check-paths');
}

function loadServices(paths: readonly MirroredPath[]): Services {
  const canary = require('./canary-function') as typeof import('./canary-function');
  return {
    mirrorCanary: canary.canaryFunction(paths),
    ...(require('./reconcile-functions') as typeof import('./reconcile-functions')),
    ...(require('./api-function') as typeof import('./api-function')),
    ...(require('./dashboard-function') as typeof import('./dashboard-function')),
  };
}
