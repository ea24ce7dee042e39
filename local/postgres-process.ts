import { execFile, execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import type { PostgresBinaries } from './postgres-binaries';

const run = promisify(execFile);

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
const POLL_MS = 30;

/** fsync guards against power loss only; a killed server still recovers what it committed. */
const LOCAL_SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  full_page_writes: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

export interface PostgresProcess {
  pid: number;
  exited: Promise<void>;
  /** Resolves once the server answers a query; rejects with its log's reason if it ended. */
  ready(url: string): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

interface SpawnOptions {
  binaries: PostgresBinaries;
  dataDir: string;
  port: number;
  settings: Record<string, string>;
}

/** Starts the postmaster, logging to server.log in the data folder. */
export function spawnPostgres(options: SpawnOptions): PostgresProcess {
  const { binaries, dataDir, port } = options;
  const settings = { ...LOCAL_SETTINGS, ...options.settings };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const logFile = join(dataDir, 'server.log');
  const log = openSync(logFile, 'a');
  const child = spawn(binaries.postgres, ['-D', dataDir, '-p', String(port), ...flags], {
    ...binaries.identity,
    cwd: dataDir,
    stdio: ['ignore', log, log],
    // Out of the terminal's group: on Ctrl-C the order of shutdown is ours.
    detached: true,
    windowsHide: true,
    env: { PATH: process.env.PATH, SystemRoot: process.env.SystemRoot, TEMP: process.env.TEMP },
  });
  closeSync(log);
  child.unref();
  let hasExited = false;
  const exited = new Promise<void>((resolve) => {
    const end = (): void => {
      hasExited = true;
      resolve();
    };
    child.once('exit', end);
    child.once('error', end);
  });
  const pid = child.pid ?? 0;
  const ready = async (url: string): Promise<void> => {
    const deadline = Date.now() + READY_TIMEOUT_MS;
    while (!(await answers(url))) {
      if (hasExited) throw new Error(`Postgres did not start: ${lastComplaint(logFile)}`);
      if (Date.now() > deadline) throw new Error(`Postgres was not ready in time; see ${logFile}`);
      await delay(POLL_MS);
    }
  };
  const stop = async (): Promise<void> => {
    if (hasExited) return;
    // While nobody waits for it, the server does not keep this process alive; now we wait.
    child.ref();
    if (process.platform === 'win32') {
      await run(binaries.pgCtl, ['stop', '-D', dataDir, '-m', 'fast']).catch(() => child.kill());
    } else {
      process.kill(pid, 'SIGINT');
    }
    const inTime = await Promise.race([
      exited.then(() => true),
      delay(STOP_TIMEOUT_MS, false, { ref: false }),
    ]);
    if (!inTime) await killTree(pid, exited);
  };
  const kill = async (): Promise<void> => {
    if (hasExited) return;
    child.ref();
    await killTree(pid, exited);
  };
  return { pid, exited, ready, stop, kill };
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

function lastComplaint(logFile: string): string {
  const lines = readFileSync(logFile, 'utf8').trim().split('\n');
  const reasons = lines.filter((line) => /FATAL|PANIC|could not|error while loading/.test(line));
  return reasons[0] ?? lines.at(-1) ?? `its log ${logFile} is empty`;
}

/** The postmaster is stopped first: no child is born while they are listed, none hears of it. */
async function killTree(pid: number, exited: Promise<void>): Promise<void> {
  if (process.platform === 'win32') {
    execFileSync('taskkill', ['/pid', String(pid), '/T', '/F'], { stdio: 'ignore' });
    return exited;
  }
  signal(pid, 'SIGSTOP');
  const children = childrenOf(pid);
  for (const each of [...children, pid]) signal(each, 'SIGKILL');
  await exited;
  // A backend that still holds the shared memory would keep the next server from starting.
  while (children.some((child) => signal(child, 0) && !isZombie(child))) await delay(POLL_MS);
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

function childrenOf(pid: number): number[] {
  if (process.platform !== 'linux') {
    const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
    const rows = table
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number));
    return rows.flatMap(([child, parent]) => (parent === pid && child ? [child] : []));
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && statFields(Number(name))?.[1] === String(pid))
    .map(Number);
}

function isZombie(pid: number): boolean {
  return process.platform === 'linux' && (statFields(pid)?.[0] ?? 'Z') === 'Z';
}

/** State and parent of a process: what follows the name in /proc/<pid>/stat. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
