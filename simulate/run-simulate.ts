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
import { formatEachFault, formatSimulation, plainSimulation } from './format-simulation';
import { createDatabase, isEmptyDatabase } from './scratch-database';
import { EACH_FAULT, simulate, simulateAlone } from './simulate';
import { environmentOf, type Simulation, type SimulationRequest } from './simulation';

const FUNCTIONS = join(__dirname, '..', 'functions');

export interface SimulateOptions {
  couples?: number;
  seed: number;
  faults: Fault[];
  rate?: number;
  daySeconds?: number;
  instances: number;
  eachFault?: true;
  databaseUrlEnv?: string;
  json?: true;
  keep?: true;
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
    const simulations = options.eachFault
      ? await playEachFault(options, context, cleanups)
      : [await playOnce(options, context, cleanups)];
    context.writeOut(textOf(simulations, options));
    const [only] = simulations;
    if (only && !options.eachFault && !options.json) await printReport(only, context);
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

function refuseContradictions({ eachFault, faults, databaseUrlEnv, keep }: SimulateOptions): void {
  if (eachFault && (faults.length > 0 || databaseUrlEnv || keep)) {
    throw new UsageError('--each-fault takes no --faults, --database-url-env or --keep');
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
  const showProgress = progressOn(context, '% of the day');
  const simulation = await simulate({
    ...{ request: requestOf(options, 100, 5), databaseUrl, server, cleanups },
    onProgress: (fraction) => showProgress(Math.floor(fraction * 100), 100),
  });
  return simulation;
}

async function playEachFault(
  options: SimulateOptions,
  context: CommandContext,
  cleanups: Cleanups,
): Promise<Simulation[]> {
  const server = await ownPostgres(cleanups);
  const request = requestOf(options, 20, 20);
  const simulations: Simulation[] = [];
  const showProgress = progressOn(context, ` of ${EACH_FAULT.length} simulations`);
  for (const fault of EACH_FAULT) {
    simulations.push(await simulateAlone(fault, request, server, cleanups));
    showProgress(simulations.length, EACH_FAULT.length);
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

function textOf(simulations: readonly Simulation[], { json, eachFault }: SimulateOptions): string {
  if (json) {
    const plain = simulations.map(plainSimulation);
    return `${JSON.stringify(eachFault ? plain : plain[0])}\n`;
  }
  return eachFault ? formatEachFault(simulations) : simulations.map(formatSimulation).join('');
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
    // Whoever gave a database knows where it is; its password is not for a terminal.
    .filter(([name]) => name !== 'DATABASE_URL' || databaseUrlEnv === undefined)
    .map(([name, value]) => `${name}=${value}`);
  writeError(`${settings.join(' ')}\nCtrl-C ends it, and removes what it started.\n`);
  return forever();
}

/** The signal's handler cleans up and ends the process. */
function forever(): Promise<never> {
  return new Promise(() => {});
}
