import { execFile } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Compiles functions/src to functions/lib unless that is newer; answers whether it had to. */
export async function buildFunctionsIfStale(functionsDir: string): Promise<boolean> {
  const built = join(functionsDir, 'lib', 'index.js');
  const inputs = ['src', 'tsconfig.json', 'package.json'].map((name) => join(functionsDir, name));
  if (existsSync(built) && newestChange(inputs) <= statSync(built).mtimeMs) return false;
  await run(process.execPath, [tscPath(functionsDir), '-p', join(functionsDir, 'tsconfig.json')], {
    cwd: functionsDir,
  }).catch((error: { stdout?: string; message: string }) => {
    throw new Error(`The functions do not compile:\n${error.stdout?.trim() || error.message}`);
  });
  return true;
}

function tscPath(functionsDir: string): string {
  try {
    const resolver = createRequire(join(functionsDir, 'package.json'));
    return join(dirname(resolver.resolve('typescript/package.json')), 'bin', 'tsc');
  } catch {
    throw new Error('The functions have no node_modules yet: run npm install.');
  }
}

function newestChange(paths: string[]): number {
  const times = paths.filter(existsSync).map((path) => {
    const stats = statSync(path);
    if (!stats.isDirectory()) return stats.mtimeMs;
    const inside = newestChange(readdirSync(path).map((name) => join(path, name)));
    // A deleted file shows only in its folder.
    return Math.max(stats.mtimeMs, inside);
  });
  return Math.max(0, ...times);
}
