import { setTimeout as delay } from 'node:timers/promises';
import {
  COMPLETION_PATTERN,
  type CompletionLeaf,
} from '../functions/src/paths/quest-completions/completion-path';
import type { Statements } from '../functions/src/postgres/statements';
import type { LocalPostgres } from '../local/embedded-postgres';
import { eventually } from '../local/eventually';
import { type RtdbStandin, startRtdbStandin } from '../rtdb-standin/server';
import type { Cleanups } from './cleanups';
import { claimByClient } from './client-claims';
import type { WorldAction } from './couple-day';
import { FLAG_OFF, OUTAGE } from './faults';
import { FlagSwitch } from './flag-switch';
import { type FunctionInstance, startInstance } from './function-instance';
import { KeepAliveHttp } from './keep-alive-http';
import { Ledger, type Prediction } from './ledger';
import { playDay } from './phones';
import { Platform, type PlatformCounts } from './platform';
import { seededRandom } from './seeded-random';
import type { SimulationRequest } from './simulation';

export const NAMESPACE = 'demo-quests-default-rtdb';
const MAX_BACKLOG = 2_000;
const PACE_MS = 5;
const CLAIMS_AT_ONCE = 8;

export interface PlayOptions {
  request: SimulationRequest;
  actions: readonly WorldAction[];
  dayMs: number;
  databaseUrl: string;
  /** Null where Postgres is not ours to kill. */
  server: LocalPostgres | null;
  statements: Statements;
  cleanups: Cleanups;
  onProgress(fraction: number): void;
}

/** The stage after a day: RTDB's final state is there to be compared. */
export interface Played {
  rtdb: RtdbStandin;
  writes: number;
  claims: number;
  durationMs: number;
  counts: PlatformCounts;
  outcomes: Record<string, number>;
  prediction: Prediction;
}

/** Plays the day on a real mirror, with the faults, until every event is acknowledged. */
export async function play(options: PlayOptions): Promise<Played> {
  const { request, cleanups } = options;
  const flag = new FlagSwitch();
  const ledger = new Ledger();
  let platform: Platform | null = null;
  const rtdb = await startRtdbStandin({
    triggers: [{ refPattern: COMPLETION_PATTERN }],
    eventTarget: (event) => platform?.take({ ...event, id: `${request.seed}-${ledger.events}` }),
  });
  cleanups.add(() => rtdb.stop());
  const instances = await startInstances(options, rtdb.address);
  const claim = await startPhonesApi(options, rtdb.address);
  const switchedOff = instances.filter(({ isMirroring }) => !isMirroring);
  const mirroring = instances.filter(({ isMirroring }) => isMirroring);
  platform = new Platform({
    plan: request.plan,
    random: seededRandom(request.seed + 1),
    ledger,
    instancesFor: ({ time }) => (flag.wasOffAt(time) ? switchedOff : mirroring),
    instanceCount: instances.length,
  });
  cleanups.add(() => platform.stop());
  const startedAt = performance.now();
  const { writes, claims } = await playWithFaults(
    ...([options, rtdb, platform, flag] as const),
    async (leaf) => {
      await claim(leaf);
      ledger.claimed(leaf);
    },
  );
  await rtdb.eventsDelivered();
  await platform.settle();
  const durationMs = performance.now() - startedAt;
  const outcomes = await allOutcomes(instances, platform.counts.acknowledged);
  await flag.recordCoverage(options.statements);
  const { counts } = platform;
  return { rtdb, writes, claims, durationMs, counts, outcomes, prediction: ledger.predict() };
}

async function startInstances(
  { request, databaseUrl, cleanups }: PlayOptions,
  rtdbAddress: string,
): Promise<FunctionInstance[]> {
  const flags = Array.from({ length: request.instances }, () => true);
  if (request.plan.faults.has('flag-off')) flags.push(false);
  return Promise.all(
    flags.map(async (mirroringEnabled) => {
      const target = 'mirrorQuestCompletion';
      const instance = await startInstance({
        ...{ target, databaseUrl, rtdbAddress, mirroringEnabled },
      });
      cleanups.add(instance.stop);
      return instance;
    }),
  );
}

/** What old phones send their second writes to: an instance of the API. */
async function startPhonesApi(
  { databaseUrl, cleanups }: PlayOptions,
  rtdbAddress: string,
): Promise<(leaf: CompletionLeaf) => Promise<void>> {
  const { port, stop } = await startInstance({
    ...{ target: 'mirrorApi', databaseUrl, rtdbAddress, mirroringEnabled: true },
  });
  const http = new KeepAliveHttp(CLAIMS_AT_ONCE);
  cleanups.add(async () => http.close());
  cleanups.add(stop);
  return (leaf) => claimByClient(leaf, port, http);
}

/** The phones play, and at their moments the flag is turned and Postgres is killed. */
async function playWithFaults(
  { request, actions, dayMs, server, onProgress }: PlayOptions,
  rtdb: RtdbStandin,
  platform: Platform,
  flag: FlagSwitch,
  claim: (leaf: CompletionLeaf) => Promise<void>,
) {
  const { faults } = request.plan;
  let outage: Promise<unknown> | null = null;
  const day = await playDay(actions, {
    port: rtdb.port,
    namespace: NAMESPACE,
    dayMs,
    claim,
    pace: async () => {
      while (platform.backlog > MAX_BACKLOG) await delay(PACE_MS);
    },
    onMoment: (fraction) => {
      onProgress(fraction);
      if (faults.has('flag-off') && fraction >= FLAG_OFF.from) flag.turnOff();
      if (faults.has('flag-off') && fraction >= FLAG_OFF.to) flag.turnOn();
      if (server !== null && faults.has('outage') && fraction >= OUTAGE.from) {
        outage ??= causeOutage(server, (OUTAGE.to - OUTAGE.from) * dayMs).catch(asFailure);
      }
    },
  });
  const failure: unknown = await outage;
  if (failure instanceof Error) throw failure;
  return day;
}

/** Kills Postgres, as a crash does, and starts it again after so long. */
async function causeOutage(server: LocalPostgres, durationMs: number): Promise<void> {
  await server.kill();
  await delay(durationMs);
  await server.start();
}

function asFailure(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** What the instances logged; their lines may trail their answers. */
async function allOutcomes(
  instances: readonly FunctionInstance[],
  acknowledged: number,
): Promise<Record<string, number>> {
  return eventually(
    () => {
      const sum: Record<string, number> = {};
      for (const { outcomes } of instances) {
        for (const [outcome, count] of outcomes) sum[outcome] = (sum[outcome] ?? 0) + count;
      }
      const logged = Object.values(sum).reduce((total, count) => total + count, 0);
      return logged >= acknowledged ? sum : null;
    },
    { describe: 'a log line for each event that was acknowledged' },
  );
}
