import {
  type BenchOptions,
  parseArguments,
  SECTIONS,
  SECTIONS_ON_REQUEST,
  type Section,
  USAGE,
} from './arguments';
import { type Build, build } from './build';
import { contenders } from './contenders';
import type { Context } from './context';
import { Databases } from './databases';
import { LoadGenerator } from './load/load-generator';
import { formatResults, type Results, writeResults } from './report';
import { measureBackfill } from './sections/backfill';
import { measureBackup } from './sections/backup';
import { measureDashboard } from './sections/dashboard';
import { measureFirstEvent } from './sections/first-event';
import { measureLatency } from './sections/latency';
import { measureMemory } from './sections/memory';
import { measureProof } from './sections/proof';
import { measureProofCost } from './sections/proof-cost';
import { measureProofListing } from './sections/proof-listing';
import { measureReconcile } from './sections/reconcile';
import { measureThroughput } from './sections/throughput';
import { judge } from './targets';

const say = (line: string) => void process.stderr.write(`bench: ${line}\n`);

async function main(): Promise<number> {
  let options: BenchOptions | 'help';
  try {
    options = parseArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    return 2;
  }
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  say('compiling the functions and the handlers beside them');
  const built = build(options.variants);
  try {
    const results = await measure(options, built);
    const targets = judge(results);
    process.stdout.write(formatResults(results, targets));
    return options.gate && targets.some(({ met }) => met === false) ? 1 : 0;
  } finally {
    built.remove();
  }
}

async function measure(options: BenchOptions, built: Build): Promise<Results> {
  const databases = await Databases.start(say);
  const generator = new LoadGenerator();
  const chosen = contenders(built).filter(({ name }) => options.contenders?.includes(name) ?? true);
  const context: Context = { options, contenders: chosen, databases, generator, say };
  const results: Results = {};
  const measures: Record<Section, () => Promise<Results>> = {
    throughput: async () => ({ throughput: await measureThroughput(context) }),
    latency: async () => ({ latency: await measureLatency(context) }),
    'first-event': async () => ({ firstEvent: await measureFirstEvent(context) }),
    memory: async () => ({ memory: await measureMemory(context) }),
    reconcile: async () => ({ reconcile: await measureReconcile(context) }),
    backfill: async () => ({ backfill: await measureBackfill(context) }),
    proof: async () => ({ proof: await measureProof(context) }),
    'proof-cost': async () => ({ proofCost: await measureProofCost(context) }),
    'proof-listing': async () => ({ proofListing: await measureProofListing(context) }),
    backup: async () => ({ backup: await measureBackup(context) }),
    dashboard: async () => ({ dashboard: await measureDashboard(context) }),
  };
  try {
    const sections = [...SECTIONS, ...SECTIONS_ON_REQUEST];
    for (const section of sections.filter((name) => options.sections.includes(name))) {
      Object.assign(results, await measures[section]());
      // After each section: a run that is cut short has not been for nothing.
      say(`written to ${writeResults(results, judge(results))}`);
    }
    return results;
  } finally {
    generator.stop();
    await databases.stop();
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    process.exitCode = 1;
  },
);
