import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { eventually } from '../local/eventually';
import { watchOver } from '../local/watch-over';

const ROOT = join(__dirname, '..');
const HOST = join(__dirname, 'instance-host.cjs');
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 5_000;

/**
 * As in the emulator: tokens that nobody signs (its auth is never asked), and a dashboard for this
 * machine only.
 */
const EMULATED = {
  FUNCTIONS_EMULATOR: 'true',
  FIREBASE_AUTH_EMULATOR_HOST: '127.0.0.1:9',
};

/** What the mirror logs of each event, and where the host listens. */
const LINE = z.union([
  z.object({ outcome: z.string() }),
  z.object({ ports: z.record(z.string(), z.number()) }),
]);

export interface InstanceOptions {
  /** The functions that it runs: triggers, or `mirrorApi`. */
  targets: readonly string[];
  databaseUrl: string;
  /** `host:port` of RTDB, which a tie or an overwrite is settled by. */
  rtdbAddress: string;
  /** ENABLE_SUPABASE_DUAL_WRITE. */
  mirroringEnabled: boolean;
}

/** An instance of some functions under the framework that production uses. */
export interface FunctionInstance {
  readonly isMirroring: boolean;
  /** How often it logged each outcome so far. */
  readonly outcomes: ReadonlyMap<string, number>;
  portOf(target: string): number;
  stop(): Promise<void>;
}

/** Starts an instance; resolves once it listens. */
export async function startInstance(options: InstanceOptions): Promise<FunctionInstance> {
  const watchdog = watchOver();
  const child = spawn(process.execPath, [HOST, ...options.targets], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Nothing of this machine's environment: no credentials, no emulators of somebody else.
    env: { PATH: process.env.PATH, SystemRoot: process.env.SystemRoot, ...environment(options) },
  });
  watchdog.watch({ pids: child.pid ? [child.pid] : [], signal: 'SIGKILL', remove: [] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const { outcomes, ports } = readLines(child);
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
    watchdog.release();
  };
  try {
    await eventually(() => child.exitCode !== null || ports.size > 0, {
      describe: 'a function instance to listen',
      timeoutMs: READY_TIMEOUT_MS,
      intervalMs: 20,
    });
    if (child.exitCode !== null) throw new Error(`a function instance ended: ${child.exitCode}`);
  } catch (error) {
    await stop();
    throw error;
  }
  const portOf = (target: string): number => {
    const port = ports.get(target);
    if (port === undefined) throw new Error(`the instance does not run ${target}`);
    return port;
  };
  return { isMirroring: options.mirroringEnabled, outcomes, portOf, stop };
}

function environment(options: InstanceOptions): Record<string, string> {
  return {
    ...(options.targets.includes('mirrorApi') ? EMULATED : {}),
    QUEST_MIRROR_DATABASE_URL: options.databaseUrl,
    FIREBASE_DATABASE_EMULATOR_HOST: options.rtdbAddress,
    ENABLE_SUPABASE_DUAL_WRITE: String(options.mirroringEnabled),
    // Outcomes are counted by their lines.
    LOG_APPLIED_SAMPLE: '1',
    RTDB_INSTANCE: '*',
    RTDB_REGION: 'us-central1',
    GCLOUD_PROJECT: 'demo-quests',
    FIREBASE_CONFIG: '{}',
    NODE_ENV: 'production',
  };
}

/** Warnings go to stderr. */
function readLines({ stdout, stderr }: ChildProcess) {
  const outcomes = new Map<string, number>();
  const ports = new Map<string, number>();
  for (const stream of [stdout, stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const { data } = LINE.safeParse(parseLine(line));
      if (data === undefined) return;
      if ('outcome' in data) outcomes.set(data.outcome, (outcomes.get(data.outcome) ?? 0) + 1);
      else for (const [name, port] of Object.entries(data.ports)) ports.set(name, port);
    });
  }
  return { outcomes, ports };
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
