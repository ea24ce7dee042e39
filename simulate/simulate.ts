import { PATHS } from '../functions/src/app-paths';
import { gateSentence } from '../functions/src/gate/sentence';
import { clientConfig } from '../functions/src/postgres/client-config';
import { Connections } from '../functions/src/postgres/connections';
import type { LocalPostgres } from '../local/embedded-postgres';
import { migrate } from '../local/migrate';
import { rtdbRest } from '../local/rtdb-rest';
import { Cleanups } from './cleanups';
import type { WorldAction } from './couple-day';
import { FAULTS, type Fault } from './faults';
import { type Findings, readFindings } from './findings';
import { type Judgement, judgeRecord } from './judge';
import { type Played, play } from './play';
import { NAMESPACE, scaledTimes } from './proof';
import { createDatabase } from './scratch-database';
import { seededRandom } from './seeded-random';
import type { Simulation, SimulationRequest } from './simulation';
import { keysOfStores, openDifferences } from './stores';
import { worldOf } from './world';

const DAY_MS = 24 * 60 * 60 * 1000;
const DAYS = 2;
/** A day is so many of the proof's hours at least, and so long for each of its writes. */
const LEAST_HOURS = 5;
const ACTION_MS = 2;
const THRESHOLD = 0.99;

export interface SimulateOptions {
  request: SimulationRequest;
  /** An empty database. */
  databaseUrl: string;
  /** The server of that database, to be killed by the fault `outage`; null = not ours. */
  server: LocalPostgres | null;
  cleanups: Cleanups;
  /** How far the world is, from 0 to 1. */
  onProgress?(fraction: number): void;
}

/**
 * Plays some days of N couples on a real mirror, with faults, while its readings go on; reads everything in the end,
 * and judges the mirror's record by the simulation's own books.
 *
 * @returns the result; RTDB and Postgres stay until the cleanups run
 */
export async function simulate(options: SimulateOptions): Promise<Simulation> {
  const { request, databaseUrl, cleanups, server } = options;
  await migrate(databaseUrl);
  const statements = new Connections(clientConfig(databaseUrl), 2);
  cleanups.add(() => statements.close());
  const { couples, seed, plan, days = DAYS } = request;
  const toDay = new Date().toISOString().slice(0, 10);
  const fromDay = new Date(Date.parse(toDay) - (days - 1) * DAY_MS).toISOString().slice(0, 10);
  const strayClaimRate = plan.faults.has('client-disagrees') ? plan.rate : 0;
  const actions = worldOf({ couples, today: toDay, days, seed, strayClaimRate });
  const times = scaledTimes(couples);
  const worldMs = worldMsOf(request, days, actions, times.touchedEveryMs);
  const played = await play({
    ...{ request, actions, worldMs, times, databaseUrl, server, statements, cleanups },
    onProgress: options.onProgress ?? (() => {}),
  });
  const { writes, claims, durationMs, counts, outcomes, rtdb, proof } = played;
  const findings = await readFindings(statements);
  const { judgement, gate } = await judged(played, findings, plan.faults, statements);
  return {
    ...{ request, fromDay, toDay, writes, claims, durationMs, counts, outcomes, judgement },
    ...{ findings, gate, proof: proof.counts },
    speed: (days * DAY_MS) / durationMs,
    eventsPerSecond: (counts.acknowledged / durationMs) * 1_000,
    stores: { databaseUrl, rtdbAddress: rtdb.address },
  };
}

function worldMsOf(
  { dayMs }: SimulationRequest,
  days: number,
  actions: readonly WorldAction[],
  hourMs: number,
): number {
  if (dayMs !== null) return dayMs * days;
  return Math.max(LEAST_HOURS * hourMs * days, actions.length * ACTION_MS);
}

async function judged(
  { rtdb, ledger, proof, times }: Played,
  { gaps }: Findings,
  faults: ReadonlySet<Fault>,
  statements: Connections,
): Promise<{ judgement: Judgement; gate: Simulation['gate'] }> {
  const exported = await rtdbRest(rtdb.address, NAMESPACE).get([]);
  const [keys, open, gate] = await Promise.all([
    keysOfStores(PATHS, exported, statements),
    openDifferences(statements),
    proof.gate(times),
  ]);
  const coverage = gaps.map(({ to, ...gap }) => ({ ...gap, to: to ?? 'infinity' }));
  const expected = ledger.expected();
  const sentence = gateSentence(gate, { threshold: THRESHOLD, windowMs: times.windowMs });
  const told = { ...gate, sentence };
  const judgement = judgeRecord({ faults, keys, expected, open, coverage, gate: told });
  return { judgement, gate: { verdict: gate.verdict, sentence } };
}

/** No fault, and each alone. */
export const EACH_FAULT: readonly (readonly Fault[])[] = [[], ...FAULTS.map((fault) => [fault])];

/** Every two faults. */
export const ALL_PAIRS: readonly (readonly Fault[])[] = FAULTS.flatMap((one, place) =>
  FAULTS.slice(place + 1).map((other) => [one, other]),
);

/** The order in which a sweep's parts, and the suite's pairs, are drawn: always the same. Pure. */
export function drawnOrder(sweep: readonly (readonly Fault[])[]): (readonly Fault[])[] {
  const random = seededRandom(ORDER_SEED);
  const left = [...sweep];
  return sweep.map(() => left.splice(random() * left.length, 1)[0] ?? []);
}

const ORDER_SEED = 42;

/** Plays the same world with these faults, on a database of its own. */
export async function simulateWith(
  faults: readonly Fault[],
  request: SimulationRequest,
  server: LocalPostgres,
  outer: Cleanups,
): Promise<Simulation> {
  const cleanups = new Cleanups();
  outer.add(() => cleanups.run());
  const plan = { ...request.plan, faults: new Set(faults) };
  const databaseUrl = await createDatabase(server.url);
  try {
    return await simulate({ request: { ...request, plan }, databaseUrl, server, cleanups });
  } finally {
    await cleanups.run();
  }
}
