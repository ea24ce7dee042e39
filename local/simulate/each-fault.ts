import type { LocalPostgres } from '../embedded-postgres';
import { Cleanups } from './cleanups';
import { FAULTS, type Fault } from './faults';
import { createDatabase } from './scratch-database';
import { simulate } from './simulate';
import type { Simulation, SimulationRequest } from './simulation';

/** No fault, and each alone. */
export const EACH_FAULT: readonly (Fault | null)[] = [null, ...FAULTS];

/** Plays the same world with one fault, or none, on a database of its own. */
export async function simulateAlone(
  fault: Fault | null,
  request: SimulationRequest,
  server: LocalPostgres,
  outer: Cleanups,
): Promise<Simulation> {
  const cleanups = new Cleanups();
  outer.add(() => cleanups.run());
  const plan = { ...request.plan, faults: new Set(fault === null ? [] : [fault]) };
  const databaseUrl = await createDatabase(server.url);
  try {
    return await simulate({ request: { ...request, plan }, databaseUrl, server, cleanups });
  } finally {
    await cleanups.run();
  }
}
