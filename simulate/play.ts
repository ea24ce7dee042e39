import { setTimeout as delay } from 'node:timers/promises';
import { PATHS } from '../functions/src/app-paths';
import {
  type CompletionLeaf,
  completionPath,
} from '../functions/src/paths/quest-completions/completion-path';
import { questCompletions } from '../functions/src/paths/quest-completions/quest-completions';
import type { Statements } from '../functions/src/postgres/statements';
import type { ProofTimes } from '../functions/src/readings/proof-times';
import type { LocalPostgres } from '../local/embedded-postgres';
import { eventually } from '../local/eventually';
import { type RtdbStandin, startRtdbStandin } from '../rtdb-standin/server';
import type { Cleanups } from './cleanups';
import { claimByClient } from './client-claims';
import type { WorldAction } from './couple-day';
import { type Fault, KILL_AT } from './faults';
import { FlagSwitch } from './flag-switch';
import { type FunctionInstance, startInstance } from './function-instance';
import { KeepAliveHttp } from './keep-alive-http';
import { Ledger } from './ledger';
import { MomentsOf } from './moments';
import { playWorld } from './phones';
import { Platform, type PlatformCounts } from './platform';
import { NAMESPACE, Proof } from './proof';
import { seededRandom } from './seeded-random';
import type { SimulationRequest } from './simulation';

const MAX_BACKLOG = 2_000;
const PACE_MS = 5;
const CLAIMS_AT_ONCE = 8;
const TRIGGERS = PATHS.map(({ trigger }) => trigger);

export interface PlayOptions {
  request: SimulationRequest;
  actions: readonly WorldAction[];
  worldMs: number;
  times: ProofTimes;
  databaseUrl: string;
  /** Null where Postgres is not ours to kill. */
  server: LocalPostgres | null;
  statements: Statements;
  cleanups: Cleanups;
  onProgress(fraction: number): void;
}

/** The stage after the days: everything was delivered and read. */
export interface Played {
  rtdb: RtdbStandin;
  ledger: Ledger;
  proof: Proof;
  /** As the last readings and the gate are to have them. */
  times: ProofTimes;
  writes: number;
  claims: number;
  durationMs: number;
  counts: PlatformCounts;
  outcomes: Record<string, number>;
}

/** What a world is played with. */
interface Stage {
  rtdb: RtdbStandin;
  platform: Platform;
  flag: FlagSwitch;
  ledger: Ledger;
  proof: Proof;
  instances: FunctionInstance[];
  phones: PhonesApi;
}

/** Plays the days on a real mirror, with the faults, until every event is acknowledged and all is read. */
export async function play(options: PlayOptions): Promise<Played> {
  const { plan } = options.request;
  const stage = await setUp(options);
  const { rtdb, platform, flag, ledger, proof, instances } = stage;
  await proof.begin();
  const startedAt = performance.now();
  await flag.begin(options.statements);
  const isOn = !plan.faults.has('off-throughout');
  await proof.flyCanaries(isOn);
  const { writes, claims } = await playWithFaults(options, stage);
  await rtdb.eventsDelivered();
  await platform.settle();
  const durationMs = performance.now() - startedAt;
  const outcomes = await allOutcomes(instances, platform.counts);
  await proof.flyCanaries(isOn);
  const { counts } = platform;
  const times = await proof.settle(() => performance.now() - startedAt);
  return { rtdb, ledger, proof, times, writes, claims, durationMs, counts, outcomes };
}

async function setUp(options: PlayOptions): Promise<Stage> {
  const { request, cleanups, databaseUrl, times } = options;
  const { plan, seed } = request;
  const flag = new FlagSwitch(plan.faults);
  const ledger = new Ledger();
  let platform: Platform | null = null;
  let emitted = 0;
  const rtdb = await startRtdbStandin({
    triggers: PATHS.map((path) => ({
      refPattern: path.ref,
      eventTarget: (event) => {
        emitted += 1;
        platform?.take(path, { ...event, id: `${seed}-${emitted}` });
      },
    })),
  });
  cleanups.add(() => rtdb.stop());
  const [instances, phones] = await Promise.all([
    startInstances(options, rtdb.address),
    startPhonesApi(options, rtdb.address),
  ]);
  platform = new Platform({
    ...{ plan, ledger, random: seededRandom(seed + 1) },
    offBy: ({ time }, shard) => flag.offBy(time, shard),
    instances: {
      on: instances.filter(({ isMirroring }) => isMirroring),
      off: instances.filter(({ isMirroring }) => !isMirroring),
    },
  });
  cleanups.add(() => platform.stop());
  const random = seededRandom(seed + 2);
  const proof = new Proof({
    ...{ databaseUrl, rtdbAddress: rtdb.address, plan, random, times, cleanups },
  });
  return { rtdb, platform, flag, ledger, proof, instances, phones };
}

const TURN_OFF: readonly Fault[] = ['flag-off', 'off-throughout', 'percent'];

async function startInstances(
  { request, databaseUrl, cleanups }: PlayOptions,
  rtdbAddress: string,
): Promise<FunctionInstance[]> {
  const flags = Array.from({ length: request.instances }, () => true);
  if (TURN_OFF.some((fault) => request.plan.faults.has(fault))) flags.push(false);
  return Promise.all(
    flags.map(async (mirroringEnabled) => {
      const instance = await startInstance({
        ...{ targets: TRIGGERS, databaseUrl, rtdbAddress, mirroringEnabled },
      });
      cleanups.add(instance.stop);
      return instance;
    }),
  );
}

/** What old phones send their second writes to. */
interface PhonesApi {
  claim(leaf: CompletionLeaf): Promise<void>;
  /** Resolves once no claim is under way. */
  idle(): Promise<unknown>;
}

async function startPhonesApi(
  { databaseUrl, cleanups }: PlayOptions,
  rtdbAddress: string,
): Promise<PhonesApi> {
  const instance = await startInstance({
    ...{ targets: ['mirrorApi'], databaseUrl, rtdbAddress, mirroringEnabled: true },
  });
  const http = new KeepAliveHttp(CLAIMS_AT_ONCE);
  cleanups.add(async () => http.close());
  cleanups.add(instance.stop);
  let underWay = 0;
  return {
    async claim(leaf) {
      underWay += 1;
      await claimByClient(leaf, instance.portOf('mirrorApi'), http).finally(() => {
        underWay -= 1;
      });
    },
    idle: () => eventually(() => underWay === 0, { timeoutMs: 60_000, intervalMs: 5 }),
  };
}

/** The phones play, and at their moments the flag is turned, Postgres is killed, and so on. */
async function playWithFaults(options: PlayOptions, stage: Stage) {
  const { request, actions, worldMs, server, statements, onProgress } = options;
  const { rtdb, platform, flag, ledger, phones, proof } = stage;
  const moments = new MomentsOf(request.plan.faults, {
    ...{ statements, server, flag, ledger, worldMs },
    quietly: (work) => phones.idle().then(() => platform.whilePaused(work)),
    elsewhere: () => proof.sendElsewhere(),
  });
  let killed: Promise<void> | null = null;
  const played = await playWorld(actions, {
    ...{ port: rtdb.port, namespace: NAMESPACE, worldMs },
    claim: async (leaf) => {
      await phones.claim(leaf);
      ledger.claimed(questCompletions, completionPath(leaf));
    },
    onWrite: (path) => ledger.writesAt(path),
    pace: async () => {
      while (platform.backlog > MAX_BACKLOG) await delay(PACE_MS);
    },
    onMoment: async (fraction) => {
      onProgress(fraction);
      if (request.plan.faults.has('killed-worker') && fraction >= KILL_AT) killed ??= proof.kill();
      await moments.comeTo(fraction);
    },
  });
  await killed;
  await moments.over();
  return played;
}

/** What the instances logged; their lines may trail their answers. */
async function allOutcomes(
  instances: readonly FunctionInstance[],
  { acknowledged }: PlatformCounts,
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
