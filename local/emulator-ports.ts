import { findFreePort, isPortFree } from './free-port';

/** What firebase-tools and its documents use; bookmarks and habits rely on them. */
const USUAL_PORTS = { database: 9000, functions: 5001, auth: 9099, hosting: 5000 };

export interface RequestedPorts {
  /** 0: any free one. Default: the usual one, or a free one where that is in use. */
  database?: number;
  functions?: number;
  auth?: number;
  hosting?: number;
}

/** For suites that may run beside others. */
export const ANY_PORTS: RequestedPorts = { database: 0, functions: 0, auth: 0, hosting: 0 };

export interface EmulatorPorts {
  database: number;
  functions: number;
  hub: number;
  logging: number;
  eventarc: number;
  tasks: number;
  auth: number;
  hosting: number;
}

/** Decides every port that the suite opens, so that two suites on one machine never meet. */
export async function chooseEmulatorPorts(requested: RequestedPorts = {}): Promise<EmulatorPorts> {
  const [hub, logging, eventarc, tasks] = await Promise.all([
    findFreePort(),
    findFreePort(),
    findFreePort(),
    findFreePort(),
  ]);
  return {
    database: await choosePort('database', requested.database),
    functions: await choosePort('functions', requested.functions),
    auth: await choosePort('auth', requested.auth),
    hosting: await choosePort('hosting', requested.hosting),
    ...{ hub, logging, eventarc, tasks },
  };
}

async function choosePort(name: keyof typeof USUAL_PORTS, requested?: number): Promise<number> {
  if (requested === 0) return findFreePort();
  if (await isPortFree(requested ?? USUAL_PORTS[name])) return requested ?? USUAL_PORTS[name];
  if (requested === undefined) return findFreePort();
  throw new Error(
    `Port ${requested} is in use, so the ${name} emulator cannot listen there; ` +
      'stop what listens on it, or choose another port.',
  );
}
