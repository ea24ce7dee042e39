import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findFreePort } from '../local/free-port';
import { watchOver } from '../local/watch-over';

const FRAMEWORK = join(
  ...[__dirname, '..', 'node_modules', '@google-cloud', 'functions-framework'],
  ...['build', 'src', 'main.js'],
);
const READY_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5_000;
const POLL_MS = 2;

export interface FunctionSpec {
  /** The folder of its package.json. */
  source: string;
  target: string;
  env: Record<string, string>;
  /** A folder for a CPU profile of the process. */
  profileDir?: string | undefined;
}

export interface Memory {
  rssMb: number;
  /** The highest the process ever had. */
  peakMb: number;
}

export interface FunctionProcess {
  port: number;
  pid: number;
  /** From spawn until the port took a connection. */
  readyMs: number;
  /** Null where the system has no /proc. */
  memory(): Memory | null;
  stop(): Promise<void>;
}

/** Starts a function under the runtime that production uses. */
export async function startFunction(spec: FunctionSpec): Promise<FunctionProcess> {
  const port = await findFreePort();
  const profile = spec.profileDir ? ['--cpu-prof', `--cpu-prof-dir=${spec.profileDir}`] : [];
  const args = [
    ...profile,
    FRAMEWORK,
    `--target=${spec.target}`,
    '--signature-type=cloudevent',
    `--source=${spec.source}`,
    `--port=${port}`,
  ];
  const watchdog = watchOver();
  const spawnedAt = performance.now();
  const child = spawn(process.execPath, args, {
    // Log lines are written by all, and read by nobody.
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env.PATH,
      SystemRoot: process.env.SystemRoot,
      ...RUNTIME_ENV,
      // As the platform names the function that an instance runs.
      FUNCTION_TARGET: spec.target,
      ...spec.env,
    },
  });
  watchdog.watch({ pids: [child.pid ?? 0], signal: 'SIGKILL', remove: [] });
  const stop = async () => {
    await stopChild(child);
    watchdog.release();
  };
  try {
    await untilListening(child, port);
  } catch (error) {
    await stop();
    throw error;
  }
  const readyMs = performance.now() - spawnedAt;
  const pid = child.pid ?? 0;
  return { port, pid, readyMs, memory: () => memoryOf(pid), stop };
}

/** Whether a functions folder exports a function of this name. */
export function hasFunction(source: string, name: string): boolean {
  const script = 'process.exitCode = process.argv[2] in require(process.argv[1]) ? 0 : 3';
  const { status } = spawnSync(process.execPath, ['-e', script, source, name], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env.PATH, SystemRoot: process.env.SystemRoot, ...RUNTIME_ENV },
  });
  if (status !== 0 && status !== 3) throw new Error(`${source}: the functions can't be loaded`);
  return status === 0;
}

const RUNTIME_ENV = {
  NODE_ENV: 'production',
  GCLOUD_PROJECT: 'demo-quests',
  FIREBASE_CONFIG: '{}',
  RTDB_INSTANCE: '*',
  RTDB_REGION: 'us-central1',
  ENABLE_SUPABASE_DUAL_WRITE: 'true',
};

async function untilListening(child: ChildProcess, port: number): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`the function ended with ${child.exitCode}`);
    if (performance.now() > deadline) throw new Error('the function did not listen in time');
    await delay(POLL_MS);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

function memoryOf(pid: number): Memory | null {
  if (process.platform !== 'linux') return null;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const megabytes = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1_024;
  return { rssMb: megabytes('VmRSS'), peakMb: megabytes('VmHWM') };
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}
