import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { eventually } from '../local/eventually';
import { findFreePort } from '../local/free-port';
import { watchOver } from '../local/watch-over';

const ROOT = join(__dirname, '..');
const FRAMEWORK = join(ROOT, 'node_modules/@google-cloud/functions-framework/build/src/main.js');
const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 5_000;

/**
 * As in the emulator: tokens that nobody signs (its auth is never asked), and a dashboard for this
 * machine only.
 */
const EMULATED = {
  FUNCTIONS_EMULATOR: 'true',
  FIREBASE_AUTH_EMULATOR_HOST: '127.0.0.1:9',
};

/** What the mirror logs of each event. */
const OUTCOME_LINE = z.object({ outcome: z.string() });

export interface InstanceOptions {
  /** The function that it runs. */
  target: 'mirrorQuestCompletion' | 'mirrorApi' | 'mirrorDashboard';
  databaseUrl: string;
  /** `host:port` of RTDB, which a tie or an overwrite is settled by. */
  rtdbAddress: string;
  /** ENABLE_SUPABASE_DUAL_WRITE. */
  mirroringEnabled: boolean;
}

/** An instance of a function under the runtime that production uses. */
export interface FunctionInstance {
  readonly port: number;
  readonly isMirroring: boolean;
  /** How often it logged each outcome so far. */
  readonly outcomes: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

/** Starts an instance; resolves once it listens. */
export async function startInstance(options: InstanceOptions): Promise<FunctionInstance> {
  const port = await findFreePort();
  const signature = options.target === 'mirrorQuestCompletion' ? 'cloudevent' : 'http';
  const args = [`--target=${options.target}`, `--signature-type=${signature}`];
  const watchdog = watchOver();
  const child = spawn(
    process.execPath,
    [FRAMEWORK, ...args, '--source=functions', `--port=${port}`],
    {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Nothing of this machine's environment: no credentials, no emulators of somebody else.
      env: { PATH: process.env.PATH, SystemRoot: process.env.SystemRoot, ...environment(options) },
    },
  );
  watchdog.watch({ pids: child.pid ? [child.pid] : [], signal: 'SIGKILL', remove: [] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const outcomes = countOutcomes(child);
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
    watchdog.release();
  };
  try {
    await eventually(() => child.exitCode !== null || accepts(port), {
      describe: 'a function instance to listen',
      timeoutMs: READY_TIMEOUT_MS,
      intervalMs: 20,
    });
    if (child.exitCode !== null) throw new Error(`a function instance ended: ${child.exitCode}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, isMirroring: options.mirroringEnabled, outcomes, stop };
}

function environment(options: InstanceOptions): Record<string, string> {
  return {
    // As the platform names it: an instance loads what its function needs.
    FUNCTION_TARGET: options.target,
    ...(options.target === 'mirrorQuestCompletion' ? {} : EMULATED),
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
function countOutcomes({ stdout, stderr }: ChildProcess): Map<string, number> {
  const counts = new Map<string, number>();
  for (const stream of [stdout, stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const { data } = OUTCOME_LINE.safeParse(parseLine(line));
      if (data) counts.set(data.outcome, (counts.get(data.outcome) ?? 0) + 1);
    });
  }
  return counts;
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => socket.end(() => resolve(true)));
    socket.once('error', () => resolve(false));
  });
}
