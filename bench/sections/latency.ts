import { type Contender, NAIVE_1, startContender } from '../contenders';
import type { Context } from '../context';
import { untilQuiet } from '../cpu-time';
import { median } from '../statistics';
import { withDelay } from '../with-delay';
import { type Round, runRound, stopAndVerify } from './rounds';

export interface LatencyRow {
  roundTripMs: number;
  offeredPerSecond: number;
  contender: string;
  p50Ms: number;
  p99Ms: number;
  connections: number;
  problems: string[];
}

const OFFERED_PER_SECOND = [300, 1_000];
const ROUND_TRIP_MS = 20;
/** The platform gives one instance no more at once; what is over waits. */
const MAX_IN_FLIGHT = 80;

/** How long an event takes at a fixed offered load, from when it was due. */
export async function measureLatency(context: Context): Promise<LatencyRow[]> {
  const rows: LatencyRow[] = [];
  const contenders = context.contenders.filter(({ name }) => name !== NAIVE_1);
  await withDelay(context, ROUND_TRIP_MS, async ({ port }) => {
    for (const offeredPerSecond of OFFERED_PER_SECOND) {
      context.say(`latency: ${ROUND_TRIP_MS} ms, ${offeredPerSecond} events/s offered`);
      rows.push(...(await measureOffer(context, contenders, port, offeredPerSecond)));
    }
  });
  return rows;
}

async function measureOffer(
  { databases, generator, options }: Context,
  contenders: Contender[],
  postgresPort: number,
  offeredPerSecond: number,
): Promise<LatencyRow[]> {
  const load = {
    concurrency: MAX_IN_FLIGHT,
    ratePerSecond: offeredPerSecond,
    maxEvents: 1_000_000,
  };
  const measured = new Map<string, Round[]>();
  const rows: LatencyRow[] = [];
  const running = [];
  try {
    for (const contender of contenders) {
      running.push(await startContender(contender, databases, postgresPort));
    }
    for (const each of running) {
      const warmUp = { ...load, ratePerSecond: null, durationMs: options.warmUpMs };
      measured.set(each.contender.name, [await runRound(each, databases, generator, warmUp)]);
    }
    for (let round = 0; round < options.latencyRounds; round += 1) {
      for (const each of running) {
        await untilQuiet();
        const paced = { ...load, durationMs: options.latencyRoundMs };
        const result = await runRound(each, databases, generator, paced);
        measured.get(each.contender.name)?.push(result);
      }
    }
  } finally {
    for (const each of running) {
      const rounds = measured.get(each.contender.name) ?? [];
      const { problems } = await stopAndVerify(each, databases, rounds);
      const own = rounds.slice(1);
      rows.push({
        roundTripMs: ROUND_TRIP_MS,
        offeredPerSecond,
        contender: each.contender.name,
        p50Ms: median(own.map((round) => round.p50Ms)),
        p99Ms: median(own.map((round) => round.p99Ms)),
        connections: Math.max(...own.map((round) => round.connections)),
        problems,
      });
    }
  }
  return rows;
}
