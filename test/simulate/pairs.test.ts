import type { LocalPostgres } from '../../local/embedded-postgres';
import { Cleanups } from '../../simulate/cleanups';
import { disappointments } from '../../simulate/expectations';
import { ALL_PAIRS, drawnOrder, simulateWith } from '../../simulate/simulate';
import { startOwnServer } from '../support/own-server';

/** Which pairs, and which worlds: all of them are played by hand (docs/simulate.md). */
const SEED = 42;
const PAIRS = 5;

const REQUEST = {
  couples: 8,
  seed: SEED,
  plan: { faults: new Set<never>(), rate: 0.2 },
  dayMs: 2_000,
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

test.each(
  [[], ...drawnOrder(ALL_PAIRS).slice(0, PAIRS)].map(
    (faults) => [faults.join(' and ') || 'no fault', faults] as const,
  ),
)(
  "days with %s: the mirror's record says what the books say",
  async (_name, faults) => {
    const simulation = await simulateWith(faults, REQUEST, server, cleanups);
    expect(disappointments(simulation)).toEqual([]);
    expect(simulation.judgement.keys).toBeGreaterThan(150);
    expect(simulation.counts.emitted).toBeGreaterThan(300);
  },
  60_000,
);
