import type { BenchOptions } from '../arguments';
import {
  type Contender,
  DO_NOTHING,
  MIRROR,
  NAIVE_1,
  NAIVE_10,
  type RunningContender,
  startContender,
  takes,
} from '../contenders';
import type { Context } from '../context';
import { untilQuiet } from '../cpu-time';
import { WORKLOADS, type Workload } from '../load/workload';
import { median } from '../statistics';
import { type Link, withDelay } from '../with-delay';
import { type Round, runRound, stopAndVerify } from './rounds';

export interface ThroughputRow {
  roundTripMs: number;
  measuredRoundTripMs: number;
  concurrency: number;
  workload: Workload;
  contender: string;
  eventsPerSecond: number;
  /** Medians of the rounds' ratios; null where the other was not run. */
  ofDoNothing: number | null;
  ofNaive1: number | null;
  ofNaive10: number | null;
  ofMirror: number | null;
  connections: number;
  statementsPerEvent: number | null;
  /** Sent to Postgres; null where nothing was, or without a proxy. */
  bytesPerEvent: number | null;
  /** CPU time an event, of the function's process and of its Postgres backends. */
  functionCpuMs: number;
  postgresCpuMs: number;
  generatorLoad: number;
  problems: string[];
  rounds: number[];
}

const ROUND_TRIPS_MS = [0, 5, 20];
const CONCURRENCIES = [80, 16];
/** Documents are measured less often, where nobody asks for more. */
const DOCUMENT_CONDITIONS = { roundTripsMs: [0, 20], concurrencies: [80] };

/** Events a second as fast as answers come, every contender in turn in every round. */
export async function measureThroughput(context: Context): Promise<ThroughputRow[]> {
  const rows: ThroughputRow[] = [];
  for (const roundTripMs of context.options.roundTripsMs ?? ROUND_TRIPS_MS) {
    await withDelay(context, roundTripMs, async (link) => {
      for (const concurrency of context.options.concurrencies ?? CONCURRENCIES) {
        for (const workload of workloadsAt(roundTripMs, concurrency, context.options)) {
          context.say(`throughput: ${workload}, ${roundTripMs} ms, concurrency ${concurrency}`);
          const results = await measureCondition(context, link, { concurrency, workload });
          const { measuredRoundTripMs } = link;
          const condition = { roundTripMs, measuredRoundTripMs, concurrency, workload };
          rows.push(...rowsOf(results, condition));
        }
      }
    });
  }
  return rows;
}

function workloadsAt(
  roundTripMs: number,
  concurrency: number,
  options: BenchOptions,
): readonly Workload[] {
  const chosen = options.workloads ?? WORKLOADS;
  const { roundTripsMs, concurrencies } = DOCUMENT_CONDITIONS;
  const withDocuments =
    (options.roundTripsMs ?? roundTripsMs).includes(roundTripMs) &&
    (options.concurrencies ?? concurrencies).includes(concurrency);
  return withDocuments ? chosen : chosen.filter((workload) => workload === 'completions');
}

interface Result {
  contender: Contender;
  rounds: Round[];
  problems: string[];
  statementsPerEvent: number | null;
  bytesPerEvent: number | null;
}

interface SentRound extends Round {
  bytes: number | null;
}

async function measureCondition(
  { contenders, databases, generator, options }: Context,
  { port, sentBytes }: Link,
  { concurrency, workload }: Pick<ThroughputRow, 'concurrency' | 'workload'>,
): Promise<Result[]> {
  const running: RunningContender[] = [];
  const load = { concurrency, ratePerSecond: null, maxEvents: 1_000_000 };
  const rounds = new Map<Contender, SentRound[]>();
  const results: Result[] = [];
  const run = async (each: RunningContender, durationMs: number): Promise<SentRound> => {
    const before = await sentBytes();
    const round = await runRound(each, databases, generator, { ...load, durationMs });
    const after = await sentBytes();
    return { ...round, bytes: before === null || after === null ? null : after - before };
  };
  try {
    for (const contender of contenders.filter((each) => takes(each, workload))) {
      const start = { profileDir: options.profileDir, workload };
      running.push(await startContender(contender, databases, port, start));
    }
    // Until the compiler has seen the hot paths: the first seconds of a process are another matter.
    for (const each of running) {
      rounds.set(each.contender, [await run(each, options.warmUpMs)]);
    }
    for (let round = 0; round < options.rounds; round += 1) {
      for (let turn = 0; turn < running.length; turn += 1) {
        // Whoever goes first in one round goes last in the next.
        const each = running[(turn + round) % running.length];
        if (each === undefined) continue;
        await untilQuiet();
        rounds.get(each.contender)?.push(await run(each, options.roundMs));
      }
    }
  } finally {
    for (const each of running) {
      const own = rounds.get(each.contender) ?? [];
      const verified = await stopAndVerify(each, databases, own);
      const measured = own.slice(1);
      results.push({
        contender: each.contender,
        rounds: measured,
        bytesPerEvent: each.contender.writes ? bytesAnEvent(measured) : null,
        ...verified,
      });
    }
  }
  return results;
}

function bytesAnEvent(rounds: readonly SentRound[]): number | null {
  return median(rounds.map(({ bytes, events }) => (bytes ?? Number.NaN) / events));
}

function rowsOf(
  results: Result[],
  condition: Pick<
    ThroughputRow,
    'roundTripMs' | 'measuredRoundTripMs' | 'concurrency' | 'workload'
  >,
): ThroughputRow[] {
  const speeds = (name: string) =>
    results.find((result) => result.contender.name === name)?.rounds.map((r) => r.eventsPerSecond);
  return results.map(({ contender, rounds, problems, statementsPerEvent, bytesPerEvent }) => {
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
      ofMirror: ratioTo(MIRROR),
      connections: Math.max(...rounds.map((round) => round.connections)),
      statementsPerEvent,
      bytesPerEvent,
      functionCpuMs: median(rounds.map((round) => round.functionCpuMs ?? Number.NaN)),
      postgresCpuMs: median(rounds.map((round) => round.postgresCpuMs ?? Number.NaN)),
      generatorLoad: median(rounds.map((round) => round.generatorLoad)),
      problems,
      rounds: own,
    };
  });
}
