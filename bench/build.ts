import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { MIGRATIONS } from './databases';

const ROOT = join(__dirname, '..');
const FUNCTIONS = join(ROOT, 'functions');
const DEPENDENCIES = join(FUNCTIONS, 'node_modules');

/** Compiled functions, apart from the working tree: a build beside us must not touch a round. */
export interface Build {
  /** The functions folder's copy. */
  functions: string;
  handlers: string;
  /** Other versions of the functions, by name. */
  variants: ReadonlyMap<string, Variant>;
  remove(): void;
}

/** Another version of the functions. */
export interface Variant {
  /** The functions folder's copy. */
  functions: string;
  /** The folder of its repository's migrations. */
  migrations: string;
}

/** Compiles the functions, the handlers beside them, and other versions of the functions. */
export function build(variants: ReadonlyMap<string, string>): Build {
  const folder = mkdtempSync(join(tmpdir(), 'quest-mirror-bench-'));
  try {
    return {
      functions: compile(FUNCTIONS, join(folder, 'functions')),
      handlers: compile(join(ROOT, 'bench', 'handlers'), join(folder, 'handlers')),
      variants: new Map(
        [...variants].map(([name, source]) => [
          name,
          {
            functions: compile(resolve(source), join(folder, `variant-${name}`)),
            migrations: migrationsBeside(source),
          },
        ]),
      ),
      remove: () => rmSync(folder, { recursive: true, force: true }),
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** A copy of functions/ alone has the schema of this working tree. */
function migrationsBeside(source: string): string {
  const own = resolve(source, '..', 'migrations');
  return existsSync(own) ? own : MIGRATIONS;
}

function compile(source: string, target: string): string {
  mkdirSync(target);
  copyFileSync(join(source, 'package.json'), join(target, 'package.json'));
  const own = join(source, 'node_modules');
  symlinkSync(existsSync(own) ? own : DEPENDENCIES, join(target, 'node_modules'), 'junction');
  const tsc = join(DEPENDENCIES, 'typescript', 'bin', 'tsc');
  const args = [tsc, '-p', join(source, 'tsconfig.json'), '--outDir', join(target, 'lib')];
  execFileSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  return target;
}
