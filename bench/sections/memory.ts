import { type Contender, DO_NOTHING, startContender } from '../contenders';
import type { Context } from '../context';
import type { Memory } from '../function-process';
import { median } from '../statistics';
import { runRound, stopAndVerify } from './rounds';

export interface MemoryRow {
  contender: string;
  events: number;
  idleMb: number;
  rssMb: number;
  peakMb: number;
  rssAboveDoNothingMb: number;
  peakAboveDoNothingMb: number;
  problems: string[];
}

interface Sample {
  idle: Memory;
  loaded: Memory;
}

/** Resident memory before and after the same number of events at full concurrency. */
export async function measureMemory(context: Context): Promise<MemoryRow[]> {
  if (process.platform !== 'linux') {
    context.say('memory: left out, it is read from /proc');
    return [];
  }
  const { contenders, databases, generator, options } = context;
  const load = { concurrency: 80, ratePerSecond: null, maxEvents: options.memoryEvents };
  const samples = new Map<Contender, Sample[]>(contenders.map((each) => [each, []]));
  const problems = new Map<Contender, string[]>(contenders.map((each) => [each, []]));
  for (let run = 0; run < options.memoryRuns; run += 1) {
    context.say(`memory: run ${run + 1}, ${options.memoryEvents} events each`);
    for (const contender of contenders) {
      const running = await startContender(contender, databases, databases.port);
      const idle = running.process.memory();
      const round = await runRound(running, databases, generator, { ...load, durationMs: 120_000 });
      const loaded = running.process.memory();
      if (idle && loaded) samples.get(contender)?.push({ idle, loaded });
      problems.get(contender)?.push(...(await stopAndVerify(running, databases, [round])).problems);
    }
  }
  const medianOf = (contender: Contender | undefined, read: (sample: Sample) => number) =>
    median(((contender && samples.get(contender)) ?? []).map(read));
  const doNothing = contenders.find(({ name }) => name === DO_NOTHING);
  return contenders.map((contender) => {
    const above = (read: (sample: Sample) => number) =>
      medianOf(contender, read) - medianOf(doNothing, read);
    return {
      contender: contender.name,
      events: options.memoryEvents,
      idleMb: medianOf(contender, ({ idle }) => idle.rssMb),
      rssMb: medianOf(contender, ({ loaded }) => loaded.rssMb),
      peakMb: medianOf(contender, ({ loaded }) => loaded.peakMb),
      rssAboveDoNothingMb: above(({ loaded }) => loaded.rssMb),
      peakAboveDoNothingMb: above(({ loaded }) => loaded.peakMb),
      problems: problems.get(contender) ?? [],
    };
  });
}
