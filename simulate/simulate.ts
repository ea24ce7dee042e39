import { LOG_LATE } from '../functions/src/completions-only/postgres/reconcile-findings';
import { recentDays } from '../functions/src/completions-only/reconcile/date-range';
import type { RunSummary } from '../functions/src/completions-only/reconcile/reconcile';
import { runReconcile } from '../functions/src/completions-only/reconcile/run-reconcile';
import { createRtdbTree } from '../functions/src/completions-only/rtdb-tree';
import { CANARY_COUPLE } from '../functions/src/paths/quest-completions/canary-couple';
import { clientConfig } from '../functions/src/postgres/client-config';
import { Connections } from '../functions/src/postgres/connections';
import type { Statements } from '../functions/src/postgres/statements';
import type { LocalPostgres } from '../local/embedded-postgres';
import { migrate } from '../local/migrate';
import { Cleanups } from './cleanups';
import { FAULTS, type Fault, LATE_AFTER_SECONDS } from './faults';
import { readFindings } from './findings';
import { NAMESPACE, play } from './play';
import { createDatabase } from './scratch-database';
import type { Simulation, SimulationRequest } from './simulation';
import { worldOf } from './world';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Where the caller does not say: the least, and for each action of the day. */
const LEAST_DAY_MS = 2_500;
const ACTION_MS = 1;
/** The day began long after mirroring did, so that no leaf stood before it. */
const BEGAN_DAYS_BEFORE = 2;
/** When the comparison looks again: the last retry of the day is over anywhere on earth. */
const LOOKS_AGAIN_AFTER_DAYS = 4;

const SET_BEGINNING = `
update mirror.paths
set began_at = ($1::date - $2::integer)::timestamp at time zone 'UTC'
where path = 'quest_completions'
`;

export interface SimulateOptions {
  request: SimulationRequest;
  /** An empty database. */
  databaseUrl: string;
  /** The server of that database, to be killed by the fault `outage`; null = not ours. */
  server: LocalPostgres | null;
  cleanups: Cleanups;
  /** How far the day is, from 0 to 1. */
  onProgress?(fraction: number): void;
}

/**
 * Plays one day of N couples on a real mirror, with faults, and reconciles: at the day's end, and
 * once more as of days later, when whatever has not come can't come any more.
 *
 * @returns the result; RTDB and Postgres stay until the cleanups run
 */
export async function simulate(options: SimulateOptions): Promise<Simulation> {
  const { request, databaseUrl, cleanups } = options;
  await migrate(databaseUrl);
  const statements = new Connections(clientConfig(databaseUrl), 2);
  cleanups.add(() => statements.close());
  const dateKey = new Date().toISOString().slice(0, 10);
  await statements.run(SET_BEGINNING, [dateKey, BEGAN_DAYS_BEFORE]);
  const { couples, seed, plan } = request;
  const strayClaimRate = plan.faults.has('client-disagrees') ? plan.rate : 0;
  const actions = worldOf({ couples, dateKey, seed, strayClaimRate });
  const dayMs = request.dayMs ?? Math.max(LEAST_DAY_MS, actions.length * ACTION_MS);
  const played = await play({
    ...{ request, actions, dayMs, databaseUrl, server: options.server, statements, cleanups },
    onProgress: options.onProgress ?? (() => {}),
  });
  const { rtdb, durationMs, counts, ...rest } = played;
  const rtdbAddress = rtdb.address;
  const run = await reconcileLater(dateKey, rtdbAddress, statements);
  return {
    ...{ request, dateKey, run, durationMs, counts, ...rest },
    speed: DAY_MS / durationMs,
    eventsPerSecond: (counts.acknowledged / durationMs) * 1_000,
    findings: await readFindings(statements),
    stores: { databaseUrl, rtdbAddress },
  };
}

/** Reconciles now, and as of days later; answers the later run. */
async function reconcileLater(
  dateKey: string,
  rtdbAddress: string,
  statements: Statements,
): Promise<RunSummary> {
  const database = { origin: `http://${rtdbAddress}`, namespace: NAMESPACE, instance: NAMESPACE };
  const rtdb = createRtdbTree({ database, accessToken: async () => 'owner' });
  // The days of a report over 24 hours, as the hourly function compares them.
  const days = recentDays(new Date(`${dateKey}T12:00:00Z`), 2);
  const request = { ...days, graceMs: 100, couples: null };
  const context = { statements, rtdb, retentionDays: 0 };
  const first = await runReconcile(request, context, null);
  await statements.run(LOG_LATE, [first.runId, LATE_AFTER_SECONDS, CANARY_COUPLE]);
  const later = new Date(Date.now() + LOOKS_AGAIN_AFTER_DAYS * DAY_MS);
  return runReconcile(request, { ...context, now: () => later }, null);
}

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
