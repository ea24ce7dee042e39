import { chmodSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
/** A run was seen to hold 0.3 GB at most. */
const ENOUGH_BYTES = 2 * 1024 ** 3;

const REMOVAL_TRIES = 30;
const REMOVAL_PAUSE_MS = 500;

/**
 * A new folder for what a test run leaves on the way: in memory where Linux offers enough of it,
 * because making and removing the files of some eighty Postgres databases takes a fifth of a run's
 * time on a disk.
 *
 * @returns the folder, and the variables that send all temporary files there (none where it is on a disk:
 *   on macOS one folder more makes the paths of sockets too long)
 */
export function makeTemporaryFolder() {
  const isInMemory = memoryHasRoom();
  const folder = mkdtempSync(join(isInMemory ? MEMORY : tmpdir(), 'quest-mirror-test-'));
  // Postgres runs as another user where this process is root; it may enter but not list.
  chmodSync(folder, 0o711);
  return { folder, env: isInMemory ? { TMPDIR: folder } : {} };
}

/**
 * Removes the folder. After a run that was cut off, a Postgres that was told to end may write there a
 * moment longer. What can't be removed is told of, and changes no result.
 *
 * @param {string} folder
 */
export function removeTemporaryFolder(folder) {
  for (let tries = 0; tries < REMOVAL_TRIES; tries += 1) {
    try {
      rmSync(folder, { recursive: true, force: true });
      return;
    } catch {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, REMOVAL_PAUSE_MS);
    }
  }
  process.stderr.write(`Not removed: ${folder}\n`);
}

/** Docker's has 64 MB and executes nothing by default; other systems have none. */
function memoryHasRoom() {
  try {
    const mount = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' '))
      .find(([, path]) => path === MEMORY);
    const { bavail, bsize } = statfsSync(MEMORY);
    const options = mount?.[3]?.split(',') ?? ['noexec'];
    return !options.includes('noexec') && bavail * bsize > ENOUGH_BYTES;
  } catch {
    return false;
  }
}
