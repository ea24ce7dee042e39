import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { z } from 'zod';

const ROOT = join(__dirname, '..', '..', '..');
const PROGRAM = process.platform === 'win32' ? 'node.exe' : 'node';
const SYSTEMS: Partial<Record<NodeJS.Platform, string>> = { win32: 'win' };

/**
 * The program of a Node of this major version: one that is in PATH, or what npm has of it for this platform.
 * Null where it has none, or can't be asked.
 *
 * @param folder where it is installed
 */
export function nodeOf(major: number, folder: string): string | null {
  const candidates = [process.execPath, ...inPath()];
  return candidates.find((program) => majorOf(program) === major) ?? fromNpm(major, folder);
}

function inPath(): string[] {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((one) => join(one, PROGRAM)).filter(existsSync);
}

function majorOf(program: string): number | null {
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return status === 0 ? Number(/^v(\d+)/.exec(stdout)?.[1]) : null;
}

function fromNpm(major: number, folder: string): string | null {
  const name = packageOfPlatform();
  // Its newest Node 20 is 20.8, which is older than what the package asks of Node 20 (`crypto.hash`).
  if (name === undefined || major < 22) return null;
  const install = ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', folder];
  try {
    execFileSync('npm', [...install, `${name}@${major}`], { stdio: 'ignore' });
  } catch {
    return null;
  }
  const installed = join(folder, 'node_modules', name);
  const programs = [join(installed, 'bin', PROGRAM), join(installed, PROGRAM)];
  return programs.find((program) => existsSync(program) && majorOf(program) === major) ?? null;
}

/** Of those that bring Node 22 to this repository. */
function packageOfPlatform(): string | undefined {
  const { optionalDependencies } = z
    .object({ optionalDependencies: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')));
  const platform = `-${SYSTEMS[process.platform] ?? process.platform}-${process.arch}`;
  return Object.keys(optionalDependencies).find((name) => name.endsWith(platform));
}
