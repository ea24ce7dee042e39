import type { LocalPostgres } from '../../local/embedded-postgres';
import { Cleanups } from '../../simulate/cleanups';
import { disappointments } from '../../simulate/expectations';
import { EACH_FAULT, simulateAlone } from '../../simulate/simulate';
import { startOwnServer } from '../support/own-server';

/** Large enough for each fault to befall something, for this seed. */
const REQUEST = {
  couples: 20,
  seed: 42,
  plan: { faults: new Set<never>(), rate: 0.2 },
  dayMs: 1_500,
  instances: 1,
};

const cleanups = new Cleanups();
let server: LocalPostgres;

beforeAll(async () => {
  // One of its own: the outage kills it.
  server = await startOwnServer();
}, 60_000);

afterAll(async () => {
  await cleanups.run();
  await server?.stop();
});

test.each(EACH_FAULT.map((fault) => [fault ?? 'no fault', fault] as const))(
  'a day with %s ends as expected, and the record tells of it',
  async (_name, fault) => {
    const simulation = await simulateAlone(fault, REQUEST, server, cleanups);
    expect(disappointments(simulation)).toEqual([]);
    expect(simulation.run.matched).toBeGreaterThan(50);
    expect(simulation.counts.emitted).toBeGreaterThan(200);
  },
  60_000,
);
