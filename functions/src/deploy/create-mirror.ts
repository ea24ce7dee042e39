import '../runtime/framework-errors';
import type { DeclaredPath } from '../paths/define-path';
import type { MirroredPath } from '../paths/mirrored-path';
import { readBodiesByTurns } from '../runtime/body-turns';
import type { canaryFunction } from './canary-function';
import { type MirrorTrigger, mirrorTrigger } from './mirror-trigger';

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
 * An instance runs one function, and the platform names it in FUNCTION_TARGET (discovery names none). It
 * does without what the others load: for a trigger, which starts most often, about 45 ms and 8 MB.
 *
 * @throws ConfigurationError where declarations contradict each other
 */
export function createMirror<const Paths extends readonly DeclaredPath[]>({
  paths,
  neverMirror = [],
}: MirrorOptions<Paths>): MirrorFunctions<Paths> {
  const target = process.env.FUNCTION_TARGET ?? '';
  const own = paths.find(({ trigger }) => trigger === target);
  const names = paths.map(({ name }) => name);
  const trigger = (path: MirroredPath) => [path.trigger, mirrorTrigger(path, names)] as const;
  // What is deployed was discovered, and so checked, before.
  const only = own === undefined ? serviceOf(target, paths) : Object.fromEntries([trigger(own)]);
  if (own !== undefined) readBodiesByTurns();
  if (only !== null) return only as MirrorFunctions<Paths>;
  loadCheck().checkPaths(paths, neverMirror);
  return {
    ...loadServices(paths),
    ...Object.fromEntries(paths.map(trigger)),
  } as MirrorFunctions<Paths>;
}

function loadCheck(): typeof import('../paths/check-paths') {
  return require('../paths/check-paths') as typeof import('../paths/check-paths');
}

const loadReconcile = () =>
  require('./reconcile-functions') as typeof import('./reconcile-functions');
const loadApi = () => require('./api-function') as typeof import('./api-function');
const loadDashboard = () =>
  require('./dashboard-function') as typeof import('./dashboard-function');

function loadCanary(paths: readonly MirroredPath[]): Pick<Services, 'mirrorCanary'> {
  const { canaryFunction } = require('./canary-function') as typeof import('./canary-function');
  return { mirrorCanary: canaryFunction(paths) };
}

/** The one service that an instance runs, with what shares its file; null = the target is none. */
function serviceOf(target: string, paths: readonly MirroredPath[]): Partial<Services> | null {
  switch (target) {
    case 'mirrorReconcile':
    case 'mirrorReconcileCouples':
      return loadReconcile();
    case 'mirrorApi':
      return loadApi();
    case 'mirrorDashboard':
      return loadDashboard();
    case 'mirrorCanary':
      return loadCanary(paths);
    default:
      return null;
  }
}

function loadServices(paths: readonly MirroredPath[]): Services {
  return { ...loadCanary(paths), ...loadReconcile(), ...loadApi(), ...loadDashboard() };
}
