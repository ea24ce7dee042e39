import { setTimeout as delay } from 'node:timers/promises';
import { PATHS } from '../functions/src/app-paths';
import { lookForCanary, writeCanary } from '../functions/src/canary/path-canary';
import { prepareEvaluation } from '../functions/src/deploy/prepare-evaluation';
import { readGate } from '../functions/src/gate/read-gate';
import { clientConfig } from '../functions/src/postgres/client-config';
import { Connections } from '../functions/src/postgres/connections';
import type { Statements } from '../functions/src/postgres/statements';
import { PROOF_TIMES, type ProofTimes } from '../functions/src/readings/proof-times';
import { type QueueContext, workQueue } from '../functions/src/readings/queue';
import { readOnDemand } from '../functions/src/readings/read-on-demand';
import { rtdbShards } from '../functions/src/readings/rtdb-shards';
import { type RtdbAccess, readRtdb } from '../functions/src/rtdb/rtdb-client';
import { expectOwnRtdb } from '../functions/src/rtdb/rtdb-identity';
import { eventually } from '../local/eventually';
import type { Cleanups } from './cleanups';
import type { FaultPlan } from './faults';
import type { Random } from './seeded-random';

export const NAMESPACE = 'demo-quests-default-rtdb';

/** An hour of the proof: as long as this machine needs to read all couples once. */
const HOUR_MS = { least: 400, ofCouple: 40 };

/** The durations of a proof in a world whose hours are fractions of a second; retries are over after five. */
export function scaledTimes(couples: number): ProofTimes {
  const hourMs = Math.max(HOUR_MS.least, couples * HOUR_MS.ofCouple);
  return {
    ...PROOF_TIMES,
    ...{ graceMs: 150, reconcileDays: 1, everyMs: hourMs, touchedEveryMs: hourMs },
    ...{ listEveryMs: hourMs, fullEveryMs: { dated: hourMs * 6, undated: hourMs * 4 } },
    ...{ leaseMs: hourMs * 2, retryMs: 200, newShardMs: hourMs, redeliveryMs: hourMs * 5 },
    // The world's clocks are one, and so exact.
    ...{ flagEdgeMs: 20, clockPrecisionMs: 1 },
    // A slow machine is no reason for doubt.
    ...{ maxAgeMs: PATIENCE_MS, canaryAgeMs: PATIENCE_MS },
  };
}

const WORKERS = 2;
const CONCURRENCY = 8;
const ROUND_MS = 100;
const AGAIN_MS = 200;
const PATIENCE_MS = 60_000;

export interface ProofOptions {
  databaseUrl: string;
  /** `host:port` */
  rtdbAddress: string;
  plan: FaultPlan;
  random: Random;
  times: ProofTimes;
  cleanups: Cleanups;
}

/** What the workers did. */
export interface ProofCounts {
  readings: number;
  /** Shards that could not be read, and were read later. */
  failures: number;
  /** Readings that another one overtook. */
  overtaken: number;
  /** Shards that the worker held which was killed. */
  leftBehind: number;
  /** Workers that were sent to another RTDB, and refused. */
  refused: number;
}

/** The mirror's readings, by workers that take turns while the world goes on; and the gate. */
export class Proof {
  readonly counts: ProofCounts = {
    ...{ readings: 0, failures: 0, overtaken: 0, leftBehind: 0, refused: 0 },
  };
  readonly #workers: Promise<unknown>[] = [];
  readonly #access: RtdbAccess;
  readonly #statements: Connections;
  #isOver = false;
  #isKilled = false;
  #hanging = 0;

  constructor(private readonly options: ProofOptions) {
    const database = { origin: `http://${options.rtdbAddress}`, namespace: NAMESPACE };
    this.#access = {
      database: { ...database, instance: NAMESPACE },
      accessToken: async () => 'owner',
    };
    this.#statements = this.#connect();
  }

  /** A first pass over both stores, which are empty: what is seen from now on was written since. */
  async begin(): Promise<void> {
    await expectOwnRtdb(this.#statements, { instance: NAMESPACE, host: 'emulator' });
    await workQueue(this.#context(this.#statements, {}));
    for (let n = 0; n < WORKERS; n += 1) this.#workers.push(this.#work(n));
  }

  /** Sends a worker to another RTDB, as a mistyped setting would. */
  async sendElsewhere(): Promise<void> {
    await expectOwnRtdb(this.#statements, { instance: 'staging', host: 'emulator' }).catch(() => {
      this.counts.refused += 1;
    });
  }

  /** Kills a worker amid its readings: they never end, its connections are cut, and its shards stay taken. */
  async kill(): Promise<void> {
    this.#isKilled = true;
    await eventually(() => this.#hanging > 0, { timeoutMs: PATIENCE_MS, intervalMs: 5 });
    this.counts.leftBehind = this.#hanging;
  }

  /** Ends the workers, and reads everything until all is known that can be. */
  async settle(sinceBeganMs: () => number): Promise<ProofTimes> {
    this.#isOver = true;
    await Promise.all(this.#workers);
    const { times } = this.options;
    const read = async (windowMs: number) => {
      // Or on a slow machine something would always be due.
      const seldom = {
        everyMs: PATIENCE_MS,
        touchedEveryMs: PATIENCE_MS,
        listEveryMs: PATIENCE_MS,
      };
      const fullEveryMs = { dated: PATIENCE_MS, undated: PATIENCE_MS };
      const asked = { ...times, ...seldom, fullEveryMs, windowMs };
      const context = this.#context(this.#statements, { times: asked, isOver: () => false });
      await readOnDemand({ shards: null, isFull: true, days: null }, context);
      await workQueue(context);
      return asked;
    };
    // What a dead worker, or a slow one, has taken is anybody's then.
    await delay(times.leaseMs);
    await read(sinceBeganMs());
    // Whatever has not come by then is given up.
    await delay(times.redeliveryMs + times.graceMs);
    return read(sinceBeganMs());
  }

  /** What the gate says, of all paths. */
  gate(times: ProofTimes) {
    const question = { paths: null, couple: null, threshold: 0.99, maxAgeMs: times.maxAgeMs };
    return readGate(this.#statements, question, times);
  }

  /** A canary of every path, which is awaited unless mirroring is off. */
  async flyCanaries(isAwaited: boolean): Promise<void> {
    const context = {
      statements: this.#statements,
      now: () => Date.now(),
      rtdb: {
        read: (path: readonly string[]) => readRtdb(this.#access, { path }),
        write: async (path: readonly string[], value: unknown) =>
          void (await readRtdb(this.#access, { path, value: value as never })),
      },
    };
    // The upper nodes first: a document's canary takes away what lies inside it.
    const paths = [...PATHS].sort((a, b) => a.ref.split('/').length - b.ref.split('/').length);
    for (const path of paths) await writeCanary(path, context);
    if (!isAwaited) return;
    for (const path of paths) {
      const hasArrived = async () =>
        (await lookForCanary(path, context))?.verdict === 'arrived' || null;
      await eventually(hasArrived, { describe: 'a canary', timeoutMs: PATIENCE_MS });
    }
  }

  /** One worker: what is due, over and over. Postgres may be away meanwhile. */
  async #work(n: number): Promise<void> {
    const statements = this.#connect();
    const context = this.#context(statements, {
      rtdb: this.#faultySource(n),
      // Of the one that is killed nothing more is heard.
      isOver: () => this.#isOver || (n === 0 && this.#hanging > 0),
    });
    while (!this.#isOver) {
      const round = workQueue(context).catch(() => delay(AGAIN_MS));
      await (n === 0 ? Promise.race([round, this.#death()]) : round);
      // Between two rounds it holds nothing: it is killed in a later one.
      if (n === 0 && this.#hanging > 0) break;
      await delay(ROUND_MS);
    }
    // The statements of a reading that hangs are never sent.
    void statements.close().catch(() => {});
  }

  /** Resolves once the worker was killed. */
  async #death(): Promise<void> {
    while (!this.#isOver && this.counts.leftBehind === 0) await delay(ROUND_MS);
    if (this.counts.leftBehind === 0) await new Promise(() => {});
  }

  #faultySource(n: number): QueueContext['rtdb'] {
    const source = rtdbShards(this.#access);
    if (n !== 0) return source;
    const { plan, random, times } = this.options;
    const before = async () => {
      if (this.#isKilled) {
        this.#hanging += 1;
        await new Promise(() => {});
      }
      if (plan.faults.has('late-reading') && random() < plan.rate) {
        await delay(times.leaseMs * 1.5);
      }
    };
    return {
      ...source,
      read: (path) => before().then(() => source.read(path)),
      readRange: (path, from, to) => before().then(() => source.readRange(path, from, to)),
      readKeys: (path) => before().then(() => source.readKeys(path)),
    };
  }

  #context(statements: Statements, more: Partial<QueueContext>): QueueContext {
    return {
      ...{ statements, rtdb: rtdbShards(this.#access), paths: PATHS, prepareEvaluation },
      ...{ times: this.options.times, retentionDays: 0, concurrency: CONCURRENCY },
      isOver: () => this.#isOver,
      onOutcome: ({ isSet }) => {
        this.counts.readings += 1;
        if (!isSet) this.counts.overtaken += 1;
      },
      onFailure: () => {
        this.counts.failures += 1;
      },
      ...more,
    };
  }

  #connect(): Connections {
    const statements = new Connections(clientConfig(this.options.databaseUrl), 4);
    this.options.cleanups.add(() => statements.close());
    return statements;
  }
}
