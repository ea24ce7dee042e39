import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { watchOver } from './watch-over';

const TROUBLE = /error|fail|in use|cannot/i;
const READY_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 10_000;
const KEPT_LINES = 30;

/** The last thing that emulators:start prints once triggers are loaded; the hub answers earlier. */
const READY = 'All emulators ready';
/** After this it goes on without the functions, and nothing would ever be mirrored. */
const BROKEN_FUNCTIONS = 'Failed to load function definition';

export interface FirebaseOptions {
  args: string[];
  env: NodeJS.ProcessEnv;
  /** Removed as well, should this process end without a stop(). */
  cwd: string;
  hubPort: number;
  onOutput: (line: string) => void;
}

export interface FirebaseProcess {
  stop(): Promise<void>;
}

/** Runs firebase-tools until its emulators are ready; rejects with what it printed if it ends. */
export async function runFirebase(options: FirebaseOptions): Promise<FirebaseProcess> {
  const watchdog = watchOver();
  const child = spawn(process.execPath, options.args, {
    cwd: options.cwd,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, to end all of it, and out of reach of the terminal's Ctrl-C.
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  const group = process.platform === 'win32' ? (child.pid ?? 0) : -(child.pid ?? 0);
  const pids = [group];
  const watch = (): void => watchdog.watch({ pids, signal: 'SIGINT', remove: [options.cwd] });
  watch();
  let hasExited = false;
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => {
      hasExited = true;
      resolve();
    });
  });
  const stop = async (): Promise<void> => {
    // Only the parent: it ends its emulators in order, and takes a second SIGINT for impatience.
    if (!hasExited) child.kill('SIGINT');
    await Promise.race([exited, delay(STOP_TIMEOUT_MS, undefined, { ref: false })]);
    for (const pid of pids) killQuietly(pid);
    watchdog.release();
  };
  try {
    await untilReady(child, exited, options.onOutput);
    pids.push(...(await emulatorPids(options.hubPort)));
    watch();
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function untilReady(
  child: ReturnType<typeof spawn>,
  exited: Promise<void>,
  onOutput: (line: string) => void,
): Promise<void> {
  const kept: string[] = [];
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => {
      clearTimeout(timer);
      const complaints = kept.filter((line) => !/^i /.test(line) && TROUBLE.test(line));
      const lines = complaints.length > 0 ? complaints : kept;
      reject(new Error(`The Firebase emulators ${reason}:\n${lines.slice(-8).join('\n')}`));
    };
    const timer = setTimeout(fail, READY_TIMEOUT_MS, 'were not ready in time');
    const read = (line: string): void => {
      kept.push(line);
      if (kept.length > KEPT_LINES) kept.shift();
      onOutput(line);
      if (line.includes(BROKEN_FUNCTIONS)) fail('could not load the functions');
      if (!line.includes(READY)) return;
      clearTimeout(timer);
      resolve();
    };
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', read);
    }
    child.once('error', (error) => fail(`did not start: ${error.message}`));
    void exited.then(() => fail('ended while they were starting'));
  });
}

/** The database emulator leads a group of its own, so ending firebase-tools' does not reach it. */
async function emulatorPids(hubPort: number): Promise<number[]> {
  const response = await fetch(`http://127.0.0.1:${hubPort}/emulators`);
  const emulators = (await response.json()) as Record<string, { pid?: number }>;
  return Object.values(emulators).flatMap(({ pid }) => (pid ? [pid] : []));
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended in order.
  }
}
