import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { NEVER_MIRROR, PATHS } from '../app-paths';
import { ConfigurationError, UsageError } from '../errors/mirror-error';
import { WRAPPER_LAYOUT } from '../new-path/project';
import type { MirroredPath } from '../paths/mirrored-path';
import { COMPILED_LIST } from './folders';

/** What is mirrored, and what never may be. */
export interface DeclaredPaths {
  paths: readonly MirroredPath[];
  neverMirror: readonly string[];
}

/** Of an error: `doctor` skips what it can't look at yet. */
export const NOT_READY = { code: 'PROJECT_NOT_READY' } as const;

/**
 * The paths that verbs work on: those of `--paths FILE`, else what the folder's `src/paths.ts` was compiled
 * to, else what this package mirrors by itself.
 *
 * @param folder the working folder
 * @param file `--paths`
 * @throws UsageError where the file that was named isn't there; ConfigurationError with code
 *   PROJECT_NOT_READY where the list isn't compiled, or is none
 */
export function declaredPaths(folder: string, file?: string): DeclaredPaths {
  if (file !== undefined) {
    const named = resolve(folder, file);
    if (!existsSync(named)) throw new UsageError(`--paths: ${file} does not exist`);
    return listIn(named, file);
  }
  const compiled = join(folder, COMPILED_LIST);
  if (existsSync(compiled)) return listIn(compiled, 'lib/paths.js');
  if (!existsSync(join(folder, WRAPPER_LAYOUT.list))) {
    return { paths: PATHS, neverMirror: NEVER_MIRROR };
  }
  throw new ConfigurationError('lib/paths.js does not exist', {
    ...NOT_READY,
    remedy: 'compile src/paths.ts first',
  });
}

/** @param name the file as messages name it */
function listIn(file: string, name: string): DeclaredPaths {
  const { default: paths, neverMirror = [] } = load(file, name);
  // What a cycle of imports leaves undefined is found here.
  if (!Array.isArray(paths) || !paths.every(isDeclared)) {
    throw new ConfigurationError(
      `${name}: expected a list of paths as its default export`,
      NOT_READY,
    );
  }
  // Read as none, a tree that is never to be mirrored could be.
  if (!isTexts(neverMirror)) {
    throw new ConfigurationError(`${name}: expected neverMirror to be a list of trees`, NOT_READY);
  }
  return { paths, neverMirror };
}

function load(file: string, name: string): { default?: unknown; neverMirror?: unknown } {
  try {
    return require(file) as { default?: unknown; neverMirror?: unknown };
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new ConfigurationError(`${name} can't be loaded: ${reason}`, {
      ...NOT_READY,
      cause: error,
    });
  }
}

function isDeclared(path: Partial<MirroredPath> | null | undefined): path is MirroredPath {
  return typeof path?.parsePath === 'function';
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
