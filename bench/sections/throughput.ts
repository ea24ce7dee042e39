import { type Contender, DO_NOTHING, NAIVE_1, NAIVE_10, startContender } from '../contenders';
import type { Context } from '../context';
import { untilQuiet } from '../cpu-time';
import { median } from '../statistics';
import { withDelay } from '../with-delay';
import { type Round, runRound, stopAndVerify } from './rounds';

export interface ThroughputRow {
  roundTripMs: number;
  measuredRoundTripMs: number;
  concurrency: number;
  contender: string;
  eventsPerSecond: number;
  /** Medians of the rounds' ratios; null where the other was not run. */
  ofDoNothing: number | null;
  ofNaive1: number | null;
  ofNaive10: number | null;
  connections: number;
  statementsPerEvent: number | null;
  /** CPU time an event, of the function's process and of its Postgres backends. */
  functionCpuMs: number;
  postgresCpuMs: number;
  generatorLoad: number;
  problems: string[];
  rounds: number[];
}

const ROUND_TRIPS_MS = [0, 5, 20];
const CONCURRENCIES = [80, 16];

/** Events a second as fast as answers come, every contender in turn in every round. */
export async function measureThroughput(context: Context): Promise<ThroughputRow[]> {
  const rows: ThroughputRow[] = [];
  for (const roundTripMs of context.options.roundTripsMs ?? ROUND_TRIPS_MS) {
    await withDelay(context, roundTripMs, async (port, measuredRoundTripMs) => {
      for (const concurrency of context.options.concurrencies ?? CONCURRENCIES) {
        context.say(`throughput: ${roundTripMs} ms, concurrency ${concurrency}`);
        const results = await measureCondition(context, port, concurrency);
        rows.push(...rowsOf(results, { roundTripMs, measuredRoundTripMs, concurrency }));
      }
    });
  }
  return rows;
}

interface Result {
  contender: Contender;
  rounds: Round[];
  problems: string[];
  statementsPerEvent: number | null;
}

async function measureCondition(
  { contenders, databases, generator, options }: Context,
  postgresPort: number,
  concurrency: number,
): Promise<Result[]> {
  const running = [];
  const load = { concurrency, ratePerSecond: null, maxEvents: 1_000_000 };
  const rounds = new Map<Contender, Round[]>();
  const results: Result[] = [];
  try {
    for (const contender of contenders) {
      running.push(await startContender(contender, databases, postgresPort, options.profileDir));
    }
    // Until the compiler has seen the hot paths: the first seconds of a process are another matter.
    for (const each of running) {
      const warmUp = { ...load, durationMs: options.warmUpMs };
      rounds.set(each.contender, [await runRound(each, databases, generator, warmUp)]);
    }
    for (let round = 0; round < options.rounds; round += 1) {
      for (let turn = 0; turn < running.length; turn += 1) {
        // Whoever goes first in one round goes last in the next.
        const each = running[(turn + round) % running.length];
        if (each === undefined) continue;
        await untilQuiet();
        const measured = { ...load, durationMs: options.roundMs };
        rounds.get(each.contender)?.push(await runRound(each, databases, generator, measured));
      }
    }
  } finally {
    for (const each of running) {
      const own = rounds.get(each.contender) ?? [];
      const verified = await stopAndVerify(each, databases, own);
      results.push({ contender: each.contender, rounds: own.slice(1), ...verified });
    }
  }
  return results;
}

function rowsOf(
  results: Result[],
  condition: Pick<ThroughputRow, 'roundTripMs' | 'measuredRoundTripMs' | 'concurrency'>,
): ThroughputRow[] {
  const speeds = (name: string) =>
    results.find((result) => result.contender.name === name)?.rounds.map((r) => r.eventsPerSecond);
  return results.map(({ contender, rounds, problems, statementsPerEvent }) => {
    const own = rounds.map((round) => round.eventsPerSecond);
    const ratioTo = (name: string) => {
      const others = speeds(name);
      return others ? median(own.map((speed, index) => speed / (others[index] ?? 0))) : null;
    };
    return {
      ...condition,
      contender: contender.name,
      eventsPerSecond: median(own),
      ofDoNothing: ratioTo(DO_NOTHING),
      ofNaive1: ratioTo(NAIVE_1),
      ofNaive10: ratioTo(NAIVE_10),
      connections: Math.max(...rounds.map((round) => round.connections)),
      statementsPerEvent,
      functionCpuMs: median(rounds.map((round) => round.functionCpuMs ?? Number.NaN)),
      postgresCpuMs: median(rounds.map((round) => round.postgresCpuMs ?? Number.NaN)),
      generatorLoad: median(rounds.map((round) => round.generatorLoad)),
      problems,
      rounds: own,
    };
  });
}
