import { parseArgs } from 'node:util';
import { WORKLOADS, type Workload } from './load/workload';

export const SECTIONS = [
  'throughput',
  'latency',
  'first-event',
  'memory',
  'reconcile',
  'backfill',
  'proof',
  'proof-cost',
  'proof-listing',
  'backup',
] as const;
/** Measured only where it is asked for: it fills ten million rows first. */
export const SECTIONS_ON_REQUEST = ['dashboard'] as const;
const ALL_SECTIONS = [...SECTIONS, ...SECTIONS_ON_REQUEST] as const;
export type Section = (typeof ALL_SECTIONS)[number];

export interface BenchOptions {
  sections: readonly Section[];
  /** Exit 1 where a target is missed. */
  gate: boolean;
  /** Other versions of the functions folder, by name, measured beside the mirror. */
  variants: ReadonlyMap<string, string>;
  /** Only these contenders; null = all. */
  contenders: readonly string[] | null;
  workloads: readonly Workload[] | null;
  roundTripsMs: readonly number[] | null;
  concurrencies: readonly number[] | null;
  profileDir: string | undefined;
  rounds: number;
  roundMs: number;
  warmUpMs: number;
  latencyRounds: number;
  latencyRoundMs: number;
  starts: number;
  memoryRuns: number;
  memoryEvents: number;
  /** Completions in both stores, for the sections that compare or fill them. */
  storedCompletions: number;
  /** Completions that a backfill inserts. */
  filledCompletions: number;
  storeRounds: number;
  /** Couples whose readings are measured. */
  proofCouples: number;
  /** Couples in a listing. */
  listedCouples: number;
}

export const USAGE = `npm run bench -- [options]
  --quick                a short run that shows whether it works; its figures mean little
  --only SECTION         ${SECTIONS.join(', ')},
                         or ${SECTIONS_ON_REQUEST.join(', ')} (not among the others); may be repeated
  --no-gate              exit 0 even where a target is missed
  --contender NAME       only this one; may be repeated
  --event NAME           throughput only of these: ${WORKLOADS.join(', ')}; may be repeated
  --round-trip MS        throughput only at this added round trip; may be repeated
  --concurrency N        throughput only at this concurrency; may be repeated
  --rounds N             measured rounds of each condition
  --round-ms MS          how long a round of throughput lasts
  --variant NAME=FOLDER  measures another copy of functions/ beside the mirror, with the migrations
                         in FOLDER/../migrations where there are any; may be repeated
  --cpu-prof FOLDER      writes a CPU profile of every function process
`;

const FULL = {
  rounds: 20,
  roundMs: 500,
  warmUpMs: 2_000,
  latencyRounds: 3,
  latencyRoundMs: 4_000,
  starts: 7,
  memoryRuns: 3,
  memoryEvents: 10_000,
  storedCompletions: 1_000_000,
  filledCompletions: 240_000,
  storeRounds: 3,
  proofCouples: 1_000,
  listedCouples: 1_000_500,
};

const QUICK = {
  rounds: 2,
  roundMs: 1_000,
  warmUpMs: 1_000,
  latencyRounds: 1,
  latencyRoundMs: 2_000,
  starts: 2,
  memoryRuns: 1,
  memoryEvents: 3_000,
  storedCompletions: 50_000,
  filledCompletions: 24_000,
  storeRounds: 1,
  proofCouples: 320,
  listedCouples: 50_500,
};

/** @throws Error with one line where the arguments are wrong */
export function parseArguments(argv: string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: argv,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      'no-gate': { type: 'boolean', default: false },
      contender: { type: 'string', multiple: true },
      event: { type: 'string', multiple: true },
      'round-trip': { type: 'string', multiple: true },
      concurrency: { type: 'string', multiple: true },
      rounds: { type: 'string' },
      'round-ms': { type: 'string' },
      variant: { type: 'string', multiple: true },
      'cpu-prof': { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return 'help';
  const size = values.quick ? QUICK : FULL;
  return {
    ...size,
    rounds: wholeNumber('rounds', values.rounds ?? String(size.rounds)),
    roundMs: wholeNumber('round-ms', values['round-ms'] ?? String(size.roundMs)),
    sections: values.only?.map(sectionOf) ?? SECTIONS,
    gate: !values['no-gate'],
    variants: new Map(values.variant?.map(variantOf)),
    contenders: values.contender ?? null,
    workloads: values.event?.map(workloadOf) ?? null,
    roundTripsMs: values['round-trip']?.map((text) => wholeNumber('round-trip', text)) ?? null,
    concurrencies: values.concurrency?.map((text) => wholeNumber('concurrency', text)) ?? null,
    profileDir: values['cpu-prof'],
  };
}

function sectionOf(name: string): Section {
  const section = ALL_SECTIONS.find((each) => each === name);
  if (!section) throw new Error(`--only ${name}: expected one of ${ALL_SECTIONS.join(', ')}`);
  return section;
}

function workloadOf(name: string): Workload {
  const workload = WORKLOADS.find((each) => each === name);
  if (!workload) throw new Error(`--event ${name}: expected one of ${WORKLOADS.join(', ')}`);
  return workload;
}

function variantOf(text: string): [string, string] {
  const [, name, folder] = /^([a-z0-9-]+)=(.+)$/.exec(text) ?? [];
  if (!name || !folder) throw new Error(`--variant ${text}: expected name=folder`);
  return [name, folder];
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) {
    throw new Error(`--${option} ${text}: expected a whole number`);
  }
  return value;
}
