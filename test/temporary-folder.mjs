import { chmodSync, mkdtempSync, readFileSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
/** A run was seen to hold 0.3 GB at most. */
const ENOUGH_BYTES = 2 * 1024 ** 3;

/**
 * A new folder for all that a test run leaves on the way: in memory where Linux offers enough of
 * it, because making and removing the files of some eighty Postgres databases takes a fifth of a
 * run's time on a disk. Whoever calls removes it.
 */
export function makeTemporaryFolder() {
  const folder = mkdtempSync(join(memoryHasRoom() ? MEMORY : tmpdir(), 'quest-mirror-test-'));
  // Postgres runs as another user where this process is root; it may enter but not list.
  chmodSync(folder, 0o711);
  return folder;
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
