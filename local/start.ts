import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Pool } from 'pg';
import { ConfigurationError, UsageError } from '../functions/src/errors/mirror-error';
import { ConnectError } from '../functions/src/postgres/connect-error';
import { buildFunctionsIfStale } from './build-functions';
import { startPostgres } from './embedded-postgres';
import { type Emulators, startEmulators } from './emulators';
import { migrate } from './migrate';
import { followMirror } from './mirror-view';
import { openProof, proveOn, verdictOf } from './proof';
import { rtdbRest } from './rtdb-rest';
import { playScene } from './scene';
import { printHints, printResult } from './scene-report';

const ROOT = join(__dirname, '..');
const USAGE = `npm start -- [options]
  --once      exit after the scene: 0 where it came out, else 1 (npm run demo)
  --verbose   show all that the emulators and the functions print
  --stand-in  take the RTDB stand-in even where the official emulator can be had
DATABASE_URL names a Postgres to use instead of an own one; it gets the migrations.
`;

/** Exit code 2: nothing was begun. */
const BAD_START = [UsageError, ConfigurationError, ConnectError];

/** Of what the emulators print, what a newcomer must not miss. */
const TROUBLE = /(⚠|⬢) {2}functions/;

const startedAt = performance.now();
/** What is to be undone, the last first. */
const cleanups: (() => Promise<void>)[] = [];
let isStopping = false;

function say(line: string): void {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stdout.write(`[${seconds.padStart(5)} s] ${line}\n`);
}

async function main(): Promise<number> {
  const options = readOptions();
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  const { databaseUrl, isOurs } = await providePostgres();
  const applied = await migrate(databaseUrl);
  say(applied > 0 ? `Applied ${applied} migrations` : 'Migrations are up to date');
  if (await buildFunctionsIfStale(join(ROOT, 'functions'))) say('Compiled the functions');
  const emulators = await startEmulators({
    databaseUrl,
    onProgress: say,
    ...(options['stand-in'] ? { databaseKind: 'stand-in' } : {}),
    onOutput: (line) => {
      if (options.verbose || TROUBLE.test(line)) process.stdout.write(`  | ${line}\n`);
    },
  });
  cleanups.push(emulators.stop);
  const { databaseHost, functionsOrigin } = emulators;
  say(`Emulators ready: database ${databaseHost}, functions ${functionsOrigin}`);
  const failures = await play(emulators, databaseUrl, !options.once, isOurs);
  return failures === 0 ? 0 : 1;
}

function readOptions() {
  const boolean = { type: 'boolean' } as const;
  const options = { once: boolean, verbose: boolean, 'stand-in': boolean, help: boolean };
  try {
    const { values } = parseArgs({ options });
    return values.help ? 'help' : values;
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : error}\n\n${USAGE.trimEnd()}`);
  }
}

async function providePostgres(): Promise<{ databaseUrl: string; isOurs: boolean }> {
  if (process.env.DATABASE_URL) {
    say('Using the Postgres that DATABASE_URL names');
    return { databaseUrl: process.env.DATABASE_URL, isOurs: false };
  }
  const postgres = await startPostgres({ onProgress: say });
  cleanups.push(postgres.stop);
  return { databaseUrl: postgres.url, isOurs: true };
}

async function play(
  emulators: Emulators,
  databaseUrl: string,
  staysUp: boolean,
  showUrl: boolean,
): Promise<number> {
  const rtdb = rtdbRest(emulators.databaseHost, emulators.namespace);
  const pool = new Pool({ connectionString: databaseUrl, max: 2 });
  // Postgres may be stopped under us; the next query says so.
  pool.on('error', () => {});
  cleanups.push(() => pool.end());
  const proof = openProof(emulators, databaseUrl);
  cleanups.push(proof.close);
  say('The first canaries fly: from now on the mirror is known to be on');
  await proof.begin();
  const result = await playScene({ rtdb, proof, pool, onStep: say });
  say(result.failures.length === 0 ? 'Postgres shows it all' : 'The scene did not come out');
  printResult(result);
  say(`Is it safe to cut over? ${verdictOf(await proof.judge())}`);
  if (!staysUp) return result.failures.length;
  const proving = proveOn(proof, say, () => isStopping);
  cleanups.push(() => proving);
  printHints({ rtdb, emulators, ...(showUrl ? { databaseUrl } : {}) });
  while (!isStopping) {
    await followMirror(pool, say, () => isStopping).catch((error: Error) => {
      if (!isStopping) say(`Postgres does not answer: ${error.message}`);
    });
    await delay(1_000);
  }
  return result.failures.length;
}

async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) {
    await cleanup().catch((error: Error) => process.stderr.write(`${error.message}\n`));
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // A terminal and npm may each deliver the same Ctrl-C.
    if (isStopping) return;
    isStopping = true;
    process.stdout.write('\n');
    say('Stopping');
    void cleanUp().then(() => process.exit(0));
  });
}

main()
  .catch((error: unknown) => {
    // What fails while everything is being stopped is no news.
    if (!isStopping) process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    return BAD_START.some((kind) => error instanceof kind) ? 2 : 1;
  })
  .then(async (code) => {
    if (isStopping) return;
    await cleanUp();
    process.exit(code);
  });
