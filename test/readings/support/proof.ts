import { PATHS } from '../../../functions/src/app-paths';
import { prepareEvaluation } from '../../../functions/src/deploy/prepare-evaluation';
import type { MirroredPath } from '../../../functions/src/paths/mirrored-path';
import { PROOF_TIMES, type ProofTimes } from '../../../functions/src/readings/proof-times';
import { type QueueContext, type WorkDone, workQueue } from '../../../functions/src/readings/queue';
import type { ReadingOutcome } from '../../../functions/src/readings/read-shard';
import { rtdbShards } from '../../../functions/src/readings/rtdb-shards';
import type { RtdbAccess } from '../../../functions/src/rtdb/rtdb-client';
import { cloneDatabase, type TestDatabase } from '../../support/database';
import { type StandinTree, startStandinTree } from '../../support/standin-tree';

/** Both stores, and a worker that reads what is due. */
export interface TestProof {
  database: TestDatabase;
  rtdb: StandinTree;
  /** Works the queue until nothing is due. */
  work(
    times?: Partial<ProofTimes>,
    paths?: readonly MirroredPath[],
    /** Where something is always due: so many readings, and no more. */
    most?: number,
  ): Promise<Worked>;
  /** What a worker has, with what is different of it. */
  context(different?: Partial<QueueContext>): QueueContext;
  stop(): Promise<void>;
}

export interface Worked extends WorkDone {
  outcomes: ReadingOutcome[];
  failures: string[];
}

/** @param template a database to begin with, instead of an empty one */
export async function startProof({
  retentionDays = 0,
  template,
}: {
  retentionDays?: number;
  template?: string;
} = {}): Promise<TestProof> {
  const [database, rtdb] = await Promise.all([cloneDatabase(template), startStandinTree()]);
  const source = rtdbShards(rtdb.access);
  const context: TestProof['context'] = (different) => ({
    ...{ statements: database.statements, rtdb: source, retentionDays, prepareEvaluation },
    ...{ paths: PATHS, concurrency: 4, isOver: () => false },
    times: { ...PROOF_TIMES, graceMs: 0 },
    ...different,
  });
  return {
    database,
    rtdb,
    context,
    async work(times = {}, paths = PATHS, most = Number.POSITIVE_INFINITY) {
      const outcomes: ReadingOutcome[] = [];
      const failures: string[] = [];
      const done = await workQueue(
        context({
          times: { ...PROOF_TIMES, graceMs: 0, ...times },
          paths,
          onOutcome: (outcome) => outcomes.push(outcome),
          onFailure: (path, shard, error) => failures.push(`${path} ${shard}: ${error}`),
          isOver: () => outcomes.length >= most,
        }),
      );
      return { ...done, outcomes, failures };
    },
    async stop() {
      await Promise.all([database.drop(), rtdb.standin.stop()]);
    },
  };
}

/** RTDB as readings have it, behind something that answers for it. */
export function sourceAt(
  address: string,
  { rtdb }: Pick<TestProof, 'rtdb'>,
  access: Partial<RtdbAccess> = {},
): QueueContext['rtdb'] {
  const database = { ...rtdb.access.database, origin: `http://${address}` };
  return rtdbShards({ ...rtdb.access, ...access, database });
}
