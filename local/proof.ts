import { setTimeout as delay } from 'node:timers/promises';
import { PATHS } from '../functions/src/app-paths';
import { openPostgres, openReadings, openRtdb } from '../functions/src/deploy/from-environment';
import type { GateAnswer } from '../functions/src/gate/gate';
import { DATABASE_CLOCK } from '../functions/src/gate/rates';
import { judgeAndNote, readGate, THRESHOLD } from '../functions/src/gate/read-gate';
import { gateSentence } from '../functions/src/gate/sentence';
import { PROOF_TIMES, type ProofTimes } from '../functions/src/readings/proof-times';
import { type QueueContext, workQueue } from '../functions/src/readings/queue';
import { readOnDemand } from '../functions/src/readings/read-on-demand';
import type { Emulators } from './emulators';

/**
 * Nobody waits an hour for a reading of a scene. The gate's window stays a day: `report`, in another terminal, asks
 * for no less.
 */
const SCENE_TIMES: ProofTimes = {
  ...PROOF_TIMES,
  graceMs: 1_000,
  everyMs: 30_000,
  touchedEveryMs: 5_000,
  listEveryMs: 5_000,
  leaseMs: 30_000,
  retryMs: 5_000,
};

/** Beside the scene's own queries. */
const CONNECTIONS = 4;
const REQUESTS = 8;

/** For a minute after the flag was seen on others may not have looked. Here nobody else mirrors. */
const SEEN_BY_ALL = `
update mirror.coverage
set to_at = greatest(from_at, $1::timestamptz)
where detail ->> 'by' = 'migrate' and to_at > clock_timestamp()
`;

/** The proof of the scene: what `mirrorCanary` and `mirrorReconcile` do, when asked. */
export interface Proof {
  /** The first canaries: from then on mirroring is known to be on. */
  begin(): Promise<void>;
  /** Calls the real `mirrorCanary`, as Cloud Scheduler does every five minutes. */
  flyCanaries(): Promise<void>;
  /** Reads all from both stores, as `mirror reconcile` does. */
  readAll(): Promise<void>;
  /** Reads what is due, as `mirrorReconcile` does each quarter of an hour. */
  readWhatIsDue(): Promise<void>;
  judge(): Promise<GateAnswer>;
  /** The same, and keeps the answer in `mirror.rates`, which the dashboard's chart shows. */
  judgeAndKeep(): Promise<GateAnswer>;
  close(): Promise<void>;
}

/** Opens the scene's two stores as the functions do. */
export function openProof(emulators: Emulators, databaseUrl: string): Proof {
  const env = {
    FIREBASE_DATABASE_EMULATOR_HOST: emulators.databaseHost,
    GCLOUD_PROJECT: emulators.projectId,
    QUEST_MIRROR_DATABASE_URL: databaseUrl,
  };
  const rtdb = openRtdb(env);
  const statements = openPostgres(env, CONNECTIONS);
  const queue: QueueContext = {
    ...openReadings(env, PATHS, { statements, rtdb }),
    times: SCENE_TIMES,
    concurrency: REQUESTS,
    isOver: () => false,
  };
  const question = {
    paths: null,
    couple: null,
    threshold: THRESHOLD,
    maxAgeMs: PROOF_TIMES.maxAgeMs,
  };
  const flyCanaries = () => callScheduled(emulators, 'mirrorCanary');
  return {
    async begin() {
      const { now } = await DATABASE_CLOCK.one(statements);
      await flyCanaries();
      await statements.run(SEEN_BY_ALL, [now]);
    },
    flyCanaries,
    async readAll() {
      await rtdb.expectOwn(statements);
      await readOnDemand({ shards: null, isFull: false, days: null }, queue);
    },
    async readWhatIsDue() {
      await rtdb.expectOwn(statements);
      await workQueue(queue);
    },
    judge: () => readGate(statements, question, SCENE_TIMES),
    judgeAndKeep: () => judgeAndNote(statements, SCENE_TIMES, () => {}),
    close: () => statements.close(),
  };
}

/** What `mirror report` says first. */
export function verdictOf(answer: GateAnswer): string {
  return gateSentence(answer, { threshold: THRESHOLD, windowMs: SCENE_TIMES.windowMs });
}

async function callScheduled(
  { functionsOrigin, projectId, region }: Emulators,
  name: string,
): Promise<void> {
  const url = `${functionsOrigin}/functions/projects/${projectId}/triggers/${region}-${name}-0`;
  const response = await fetch(url, { method: 'POST' });
  if (!response.ok) throw new Error(`${name} answered ${response.status}`);
}

const ROUND_MS = 2_000;
const CANARIES_EVERY_MS = 60_000;

/** Goes on with it until it is told to end, and prints the verdict whenever another one is due. */
export async function proveOn(
  proof: Proof,
  print: (line: string) => void,
  isEnded: () => boolean,
): Promise<void> {
  let told = '';
  let flownAt = Number.NEGATIVE_INFINITY;
  while (!isEnded()) {
    try {
      if (performance.now() - flownAt > CANARIES_EVERY_MS) {
        flownAt = performance.now();
        await proof.flyCanaries();
      }
      await proof.readWhatIsDue();
      const answer = await proof.judgeAndKeep();
      const news = newsOf(answer);
      if (news !== told && !isEnded()) print(verdictOf(answer));
      told = news;
    } catch (error) {
      // Either store may be stopped under us; the next round tells.
      const line = error instanceof Error ? error.message : String(error);
      if (line !== told && !isEnded()) print(`Not compared: ${line}`);
      told = line;
    }
    await delay(ROUND_MS);
  }
}

/** Of an answer, what is worth another line: not that time has passed. */
function newsOf({ verdict, paths }: GateAnswer): string {
  return JSON.stringify([
    verdict,
    paths.map(({ path, reasons, copy, mirror }) => [
      path,
      reasons.map(({ code }) => code),
      copy,
      mirror,
    ]),
  ]);
}
