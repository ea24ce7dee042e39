import { type Contender, DO_NOTHING, startContender } from '../contenders';
import type { Context } from '../context';
import { untilQuiet } from '../cpu-time';
import { median } from '../statistics';
import { withDelay } from '../with-delay';
import { runRound, stopAndVerify } from './rounds';

export interface FirstEventRow {
  roundTripMs: number;
  contender: string;
  /** From spawn until the port takes connections. */
  readyMs: number;
  /** From spawn until the first event is answered. */
  firstEventMs: number;
  aboveDoNothingMs: number;
  problems: string[];
}

const ROUND_TRIPS_MS = [0, 20];
const ONE_EVENT = { concurrency: 1, ratePerSecond: null, maxEvents: 1, durationMs: 10_000 };

/** What a new instance costs the event that made the platform start it. */
export async function measureFirstEvent(context: Context): Promise<FirstEventRow[]> {
  const rows: FirstEventRow[] = [];
  const contenders = context.contenders.filter(({ name }) => name !== 'naive-10');
  for (const roundTripMs of ROUND_TRIPS_MS) {
    await withDelay(context, roundTripMs, async ({ port }) => {
      context.say(`first event: ${roundTripMs} ms`);
      rows.push(...(await measureStarts(context, contenders, port, roundTripMs)));
    });
  }
  return rows;
}

interface Start {
  readyMs: number;
  firstEventMs: number;
}

async function measureStarts(
  { databases, generator, options }: Context,
  contenders: Contender[],
  postgresPort: number,
  roundTripMs: number,
): Promise<FirstEventRow[]> {
  const starts = new Map<Contender, Start[]>(contenders.map((contender) => [contender, []]));
  const problems = new Map<Contender, string[]>(contenders.map((contender) => [contender, []]));
  for (let run = 0; run < options.starts; run += 1) {
    for (const contender of contenders) {
      await untilQuiet();
      const running = await startContender(contender, databases, postgresPort);
      const round = await runRound(running, databases, generator, ONE_EVENT);
      // The round's own clock: between readiness and it lies only the bench's asking.
      const { readyMs } = running.process;
      starts.get(contender)?.push({ readyMs, firstEventMs: readyMs + round.elapsedMs });
      const verified = await stopAndVerify(running, databases, [round]);
      problems.get(contender)?.push(...verified.problems);
    }
  }
  const medianOf = (contender: Contender | undefined, field: keyof Start) =>
    median((contender ? starts.get(contender) : undefined)?.map((start) => start[field]) ?? []);
  const doNothing = contenders.find(({ name }) => name === DO_NOTHING);
  return contenders.map((contender) => ({
    roundTripMs,
    contender: contender.name,
    readyMs: medianOf(contender, 'readyMs'),
    firstEventMs: medianOf(contender, 'firstEventMs'),
    aboveDoNothingMs: medianOf(contender, 'firstEventMs') - medianOf(doNothing, 'firstEventMs'),
    problems: problems.get(contender) ?? [],
  }));
}
