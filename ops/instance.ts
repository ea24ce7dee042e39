import { PATHS } from '../functions/src/app-paths';
import { SERVICES } from '../functions/src/paths/check-paths';

/** Which functions of a project are watched: two mirrors in one project have each their own alerts. */
export interface WatchedInstance {
  /** In the names of alerts and the dashboard; null = the functions have no prefix. */
  name: string | null;
  /** The Cloud Run services of all functions; platform and metrics have no other name for them. */
  services: string[];
  /** Those that mirror. */
  triggers: string[];
}

export interface InstanceOptions {
  /** An instance of a kit: firebase-tools puts `kit-<instance>-` before each function's id. */
  instance?: string | undefined;
  /** What `"prefix"` of the codebase says in firebase.json. */
  prefix?: string | undefined;
  /** Of paths of the team's own. */
  triggers?: string[] | undefined;
}

/**
 * Source: firebase-tools, `projectConfig.js` (prefixes), `build.js` (`applyEndpointPrefix`) and `runv2.js`
 * (a service's name).
 *
 * @throws Error where a name can't be one of a function
 */
export function watchedInstance({ instance, prefix, triggers }: InstanceOptions): WatchedInstance {
  const before = instance === undefined ? prefix : `kit-${instance}`;
  if (before !== undefined && !/^[a-z][a-z0-9_-]*$/.test(before)) {
    throw new Error('--instance, --prefix: expected small letters, digits, - and _');
  }
  const mirroring = triggers ?? PATHS.map(({ trigger }) => trigger);
  if (mirroring.some((trigger) => !/^[a-z][A-Za-z0-9]*$/.test(trigger))) {
    throw new Error('--trigger: expected the name of an exported function');
  }
  const serviceOf = (id: string) =>
    (before === undefined ? id : `${before}-${id}`).toLowerCase().replaceAll('_', '-');
  return {
    name: instance ?? prefix ?? null,
    services: [...mirroring, ...SERVICES].map(serviceOf),
    triggers: mirroring.map(serviceOf),
  };
}

/** What a definition's placeholders stand for, by their names. */
export function placeholdersOf({ services, triggers }: WatchedInstance): Record<string, string> {
  const list = (names: string[]) => names.map((name) => JSON.stringify(name)).join(',');
  return {
    services: list(services),
    triggers: list(triggers),
    'services pattern': services.join('|'),
  };
}
