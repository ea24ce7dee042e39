import '../runtime/framework-errors';
import type { SERVICES } from '../paths/check-paths';
import type { DeclaredPath } from '../paths/define-path';
import type { MirroredPath } from '../paths/mirrored-path';
import type { MirrorTrigger } from './mirror-trigger';

/** What a team mirrors. */
export interface MirrorOptions<Paths extends readonly DeclaredPath[]> {
  paths: Paths;
  /** Trees of RTDB that no path may ever touch: `pairing_codes`. */
  neverMirror?: readonly string[];
  /**
   * What the functions run as. `managed`: an account that firebase-tools makes and grants what they need (the
   * default). `own`: the one that `setGlobalOptions` names, or the project's default one; the roles are yours to grant.
   */
  serviceAccount?: 'managed' | 'own';
}

/**
 * The files of the functions: each wires what its function needs, and is loaded for that function alone.
 * What is shared between requests (see runtime/request-context.ts) is so loaded outside of any.
 */
const LOAD = {
  trigger: () => require('./mirror-trigger') as typeof import('./mirror-trigger'),
  api: () => require('./api-function') as typeof import('./api-function'),
  canary: () => require('./canary-function') as typeof import('./canary-function'),
  dashboard: () => require('./dashboard-function') as typeof import('./dashboard-function'),
  reconcile: () => require('./reconcile-function') as typeof import('./reconcile-function'),
  checkPaths: () => require('../paths/check-paths') as typeof import('../paths/check-paths'),
  requirements: () => require('./requirements') as typeof import('./requirements'),
};

type Service = (typeof SERVICES)[number];

/** The functions beside the triggers. */
const SERVICE = {
  mirrorApi: () => LOAD.api().mirrorApi,
  mirrorCanary: (paths: readonly MirroredPath[]) => LOAD.canary().canaryFunction(paths),
  mirrorDashboard: (paths: readonly MirroredPath[]) => LOAD.dashboard().dashboardFunction(paths),
  mirrorReconcile: (paths: readonly MirroredPath[]) => LOAD.reconcile().reconcileFunction(paths),
} satisfies Record<Service, (paths: readonly MirroredPath[]) => unknown>;

type Services = { readonly [Name in keyof typeof SERVICE]: ReturnType<(typeof SERVICE)[Name]> };

/** The functions of a mirror by name: a trigger for each path, and the services. */
export type MirrorFunctions<Paths extends readonly DeclaredPath[]> = Services & {
  readonly [Path in Paths[number] as Path['trigger']]: MirrorTrigger;
};

/**
 * The functions to export, for `firebase deploy` to find.
 *
 * An instance runs one function, and the platform names it in FUNCTION_TARGET: it loads that one, and
 * does without what the others need. Discovery names none, so it loads and checks all.
 *
 * @throws ConfigurationError where declarations contradict each other
 */
export function createMirror<const Paths extends readonly DeclaredPath[]>({
  paths,
  neverMirror = [],
  serviceAccount = 'managed',
}: MirrorOptions<Paths>): MirrorFunctions<Paths> {
  const names = paths.map(({ name }) => name);
  const load = (name: string): unknown => {
    const path = paths.find(({ trigger }) => trigger === name);
    return path ? LOAD.trigger().mirrorTrigger(path, names) : SERVICE[name as Service](paths);
  };
  const all = [...paths.map(({ trigger }) => trigger), ...Object.keys(SERVICE)];
  const target = process.env.FUNCTION_TARGET ?? '';
  const isOne = all.includes(target);
  // What an instance runs was discovered, and so checked, before.
  if (!isOne) {
    LOAD.checkPaths().checkPaths(paths, neverMirror);
    LOAD.requirements().requireApis();
    if (serviceAccount === 'managed') LOAD.requirements().requireRoles();
  }
  const loaded = (isOne ? [target] : all).map((name) => [name, load(name)]);
  return Object.fromEntries(loaded) as MirrorFunctions<Paths>;
}
