import { join } from 'node:path';
import { type CommandContext, run } from '../functions/src/cli/main';
import { postgresConfig } from '../functions/src/deploy/settings';
import { UsageError } from '../functions/src/errors/mirror-error';
import { settingText } from '../functions/src/values/setting-text';
import { buildFunctionsIfStale } from '../local/build-functions';
import { type LocalPostgres, startPostgres } from '../local/embedded-postgres';
import { Cleanups } from './cleanups';
import { disappointments } from './expectations';
import type { Fault } from './faults';
import { formatSimulation, formatSweep, formatWorld, plainSimulation } from './format-simulation';
import { createDatabase, isEmptyDatabase } from './scratch-database';
import { ALL_PAIRS, drawnOrder, EACH_FAULT, simulate, simulateWith } from './simulate';
import { environmentOf, type Simulation, type SimulationRequest } from './simulation';

const FUNCTIONS = join(__dirname, '..', 'functions');

export interface SimulateOptions {
  couples?: number;
  seed: number;
  faults: Fault[];
  rate?: number;
  daySeconds?: number;
  instances: number;
  days: number;
  eachFault?: true;
  allPairs?: true;
  part?: SweepPart;
  databaseUrlEnv?: string;
  json?: true;
  keep?: true;
}

/** The n-th of so many parts. */
export interface SweepPart {
  n: number;
  of: number;
}

/** Plays, prints, and rejects where it did not come out as expected. */
export async function runSimulate(
  options: SimulateOptions,
  context: CommandContext,
): Promise<void> {
  refuseContradictions(options);
  const cleanups = new Cleanups();
  let isInterrupted = false;
  const interrupt = () => {
    isInterrupted = true;
    void cleanups.run().then(() => process.exit(130));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.once(signal, interrupt);
  try {
    await buildFunctionsIfStale(FUNCTIONS);
    const many = sweepOf(options);
    const simulations = many
      ? await playEach(many, options, context, cleanups)
      : [await playOnce(options, context, cleanups)];
    context.writeOut(textOf(simulations, options));
    const [only] = simulations;
    if (only && !many && !options.json) await printReport(only, context);
    if (options.keep) await keep(simulations, options, context);
    const failures = simulations.flatMap(disappointments);
    if (failures.length > 0) throw new Error('the simulation did not come out as expected');
  } catch (error) {
    // What fails while everything is being stopped is no news.
    if (isInterrupted) await forever();
    throw error;
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
    await cleanups.run();
  }
}

/** The sets of faults that are played one after the other; null = one world, as asked. */
function sweepOf({
  eachFault,
  allPairs,
  part,
}: SimulateOptions): readonly (readonly Fault[])[] | null {
  const sweep = eachFault ? EACH_FAULT : allPairs ? ALL_PAIRS : null;
  if (sweep === null || part === undefined) return sweep;
  return drawnOrder(sweep).filter((_, place) => place % part.of === part.n - 1);
}

function refuseContradictions(options: SimulateOptions): void {
  const { eachFault, allPairs, faults, databaseUrlEnv, keep, part } = options;
  if (eachFault && allPairs) throw new UsageError('--each-fault and --all-pairs are two things');
  if (part && !eachFault && !allPairs) {
    throw new UsageError('--part is of --each-fault or --all-pairs');
  }
  if (sweepOf(options) && (faults.length > 0 || databaseUrlEnv || keep)) {
    const name = eachFault ? '--each-fault' : '--all-pairs';
    throw new UsageError(`${name} takes no --faults, --database-url-env or --keep`);
  }
  if (databaseUrlEnv && faults.includes('outage')) {
    throw new UsageError('--faults outage kills Postgres: it needs one of its own');
  }
}

async function playOnce(
  options: SimulateOptions,
  context: CommandContext,
  cleanups: Cleanups,
): Promise<Simulation> {
  const server = options.databaseUrlEnv ? null : await ownPostgres(cleanups);
  const databaseUrl = server
    ? await createDatabase(server.url)
    : await emptyDatabase(context, options.databaseUrlEnv ?? '');
  const showProgress = progressOn(context, '% of the days');
  const simulation = await simulate({
    ...{ request: requestOf(options, 20, 5), databaseUrl, server, cleanups },
    onProgress: (fraction) => showProgress(Math.floor(fraction * 100), 100),
  });
  return simulation;
}

async function playEach(
  sweep: readonly (readonly Fault[])[],
  options: SimulateOptions,
  context: CommandContext,
  cleanups: Cleanups,
): Promise<Simulation[]> {
  const server = await ownPostgres(cleanups);
  const request = requestOf(options, 8, 20);
  const simulations: Simulation[] = [];
  const showProgress = progressOn(context, ` of ${sweep.length} simulations`);
  for (const faults of sweep) {
    const simulation = await simulateWith(faults, request, server, cleanups);
    simulations.push(simulation);
    if (!options.json) context.writeOut(formatWorld(simulation));
    showProgress(simulations.length, sweep.length);
  }
  return simulations;
}

/** A line that a terminal shows over and over; nothing where nobody watches, or in a test. */
function progressOn({ isTerminal }: CommandContext, unit: string) {
  return (done: number, total: number): void => {
    if (isTerminal) process.stderr.write(`\r${done}${unit}${done < total ? '' : '\n'}`);
  };
}

function requestOf(options: SimulateOptions, couples: number, rate: number): SimulationRequest {
  return {
    couples: options.couples ?? couples,
    seed: options.seed,
    days: options.days,
    plan: { faults: new Set(options.faults), rate: (options.rate ?? rate) / 100 },
    dayMs: options.daySeconds === undefined ? null : options.daySeconds * 1_000,
    instances: options.instances,
  };
}

async function ownPostgres(cleanups: Cleanups): Promise<LocalPostgres> {
  const server = await startPostgres();
  cleanups.add(() => server.stop());
  return server;
}

/** A simulation migrates and fills the database: never one that holds anything. */
async function emptyDatabase({ env }: CommandContext, name: string): Promise<string> {
  postgresConfig(env, name);
  const url = settingText(env[name]);
  if (await isEmptyDatabase(url)) return url;
  throw new UsageError(`${name} names a database that is not empty`);
}

function textOf(simulations: readonly Simulation[], options: SimulateOptions): string {
  const isSweep = sweepOf(options) !== null;
  if (options.json) {
    const plain = simulations.map(plainSimulation);
    return `${JSON.stringify(isSweep ? plain : plain[0])}\n`;
  }
  return isSweep ? formatSweep(simulations) : simulations.map(formatSimulation).join('');
}

/** What the team would be told. The simulation itself is judged by its books. */
async function printReport({ stores }: Simulation, context: CommandContext): Promise<void> {
  context.writeOut('\nmirror report:\n');
  // Its exit code is the gate's, and no concern of the simulation.
  await run(['report'], { ...context, env: environmentOf(stores) });
}

/** Tells where both stores are, in a form that the other verbs can be given. */
function keep(
  [simulation]: readonly Simulation[],
  { databaseUrlEnv }: SimulateOptions,
  { writeError }: CommandContext,
): Promise<never> {
  const settings = Object.entries(simulation ? environmentOf(simulation.stores) : {})
    // The caller knows which database they gave; its password is not for a terminal.
    .filter(([name]) => name !== 'DATABASE_URL' || databaseUrlEnv === undefined)
    .map(([name, value]) => `${name}=${value}`);
  writeError(`${settings.join(' ')}\nCtrl-C ends it, and removes what it started.\n`);
  return forever();
}

/** The signal's handler cleans up and ends the process. */
function forever(): Promise<never> {
  return new Promise(() => {});
}
