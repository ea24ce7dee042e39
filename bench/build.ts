import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = join(__dirname, '..');
const DEPENDENCIES = join(ROOT, 'functions', 'node_modules');

/** Compiled functions, apart from the working tree: a build beside us must not touch a round. */
export interface Build {
  /** The functions folder's copy. */
  functions: string;
  handlers: string;
  /** Copies of other versions of the functions, by name. */
  variants: ReadonlyMap<string, string>;
  remove(): void;
}

/** Compiles the functions, the handlers beside them, and other versions of the functions. */
export function build(variants: ReadonlyMap<string, string>): Build {
  const folder = mkdtempSync(join(tmpdir(), 'quest-mirror-bench-'));
  try {
    return {
      functions: compile(join(ROOT, 'functions'), join(folder, 'functions')),
      handlers: compile(join(ROOT, 'bench', 'handlers'), join(folder, 'handlers')),
      variants: new Map(
        [...variants].map(([name, source]) => [
          name,
          compile(resolve(source), join(folder, `variant-${name}`)),
        ]),
      ),
      remove: () => rmSync(folder, { recursive: true, force: true }),
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function compile(source: string, target: string): string {
  mkdirSync(target);
  copyFileSync(join(source, 'package.json'), join(target, 'package.json'));
  symlinkSync(DEPENDENCIES, join(target, 'node_modules'), 'junction');
  const tsc = join(DEPENDENCIES, 'typescript', 'bin', 'tsc');
  const args = [tsc, '-p', join(source, 'tsconfig.json'), '--outDir', join(target, 'lib')];
  execFileSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  return target;
}
