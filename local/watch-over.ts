import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { join } from 'node:path';

export interface Charge {
  /** Processes to end; a negative number is a process group. */
  pids: number[];
  /** How they are asked to end; SIGKILL follows after ten seconds. */
  signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL';
  /** Folders and files to remove once they have ended. */
  remove: string[];
}

export interface Watchdog {
  /** Replaces what the watchdog cleans up if this process ends without doing so itself. */
  watch(charge: Charge): void;
  /** Ends the watchdog; nothing is touched. */
  release(): void;
}

/** Starts a small process that cleans up after this one, however it ends (see watchdog.cjs). */
export function watchOver(): Watchdog {
  const child = spawn(process.execPath, [join(__dirname, 'watchdog.cjs')], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    windowsHide: true,
    // Inspector and loader options of this process are not for the watchdog.
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  child.unref();
  (child.stdin as Socket).unref();

  const watch = (charge: Charge): void => {
    child.stdin.write(`${JSON.stringify(charge)}\n`);
  };
  return {
    watch,
    release: () => {
      watch({ pids: [], signal: 'SIGTERM', remove: [] });
      child.stdin.end();
    },
  };
}
