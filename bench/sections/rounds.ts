import { eventually } from '../../local/eventually';
import type { RunningContender } from '../contenders';
import { cpuMsOf } from '../cpu-time';
import type { Databases } from '../databases';
import type { LoadGenerator, LoadRequest, LoadResult } from '../load/load-generator';
import { kindOf } from '../load/workload';

/** One round of load that a contender took. */
export interface Round extends LoadResult {
  roundId: string;
  connections: number;
  /** CPU time of the function's process an event: unlike wall time, others hardly disturb it. */
  functionCpuMs: number | null;
  postgresCpuMs: number | null;
}

/** What a contender's database tells once the contender has ended. */
export interface Verified {
  /** Everything that went wrong; empty = every event was answered, and is in Postgres. */
  problems: string[];
  statementsPerEvent: number | null;
}

let roundCount = 0;

/** Sends one round, watching how many connections the contender holds meanwhile. */
export async function runRound(
  running: RunningContender,
  databases: Databases,
  generator: LoadGenerator,
  load: Omit<LoadRequest, 'port' | 'roundId' | 'workload'>,
): Promise<Round> {
  roundCount += 1;
  const roundId = `r${roundCount}`;
  const { database, process, workload } = running;
  let connections = 0;
  const sample = async () => {
    const pids = await databases.backendPids(database);
    connections = Math.max(connections, pids.length);
    return pids;
  };
  const functionBefore = cpuMsOf([process.pid]);
  const postgresBefore = cpuMsOf(await sample());
  const timer = setInterval(() => void sample().catch(() => {}), 200);
  try {
    const result = await generator.run({ ...load, workload, port: process.port, roundId });
    const perEvent = (before: number | null, after: number | null) =>
      before === null || after === null ? null : (after - before) / result.events;
    const functionCpuMs = perEvent(functionBefore, cpuMsOf([process.pid]));
    const postgresCpuMs = perEvent(postgresBefore, cpuMsOf(await sample()));
    return { ...result, roundId, connections, functionCpuMs, postgresCpuMs };
  } finally {
    clearInterval(timer);
  }
}

/** Stops a contender, counts what its rounds left in Postgres, and removes its database. */
export async function stopAndVerify(
  running: RunningContender,
  databases: Databases,
  rounds: readonly Round[],
): Promise<Verified> {
  const { contender, database, process, workload } = running;
  await process.stop();
  const problems = rounds.flatMap(({ failures }) =>
    Object.entries(failures).map(([status, count]) => `${count} answers were ${status}`),
  );
  let statementsPerEvent: number | null = null;
  if (contender.writes) {
    await eventually(async () => (await databases.backendPids(database)).length === 0);
    // Before the counting below, whose statements would be counted too.
    const events = rounds.reduce((sum, round) => sum + round.events, 0);
    statementsPerEvent = (await databases.transactionCount(database)) / events;
    for (const round of rounds) {
      const left = await databases.countRound(database, kindOf(workload), round.roundId);
      problems.push(...lostIn(round, left));
    }
  }
  await databases.drop(database);
  return { problems, statementsPerEvent };
}

function lostIn(round: Round, { rows, updated }: { rows: number; updated: number }): string[] {
  const expectedRows = round.events - round.updates;
  if (rows === expectedRows && updated === round.updates) return [];
  return [
    `${round.roundId}: ${rows} of ${expectedRows} rows, ${updated} of ${round.updates} updates`,
  ];
}
