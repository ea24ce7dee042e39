import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NEVER_MIRROR, PATHS } from '../../app-paths';
import { ConfigurationError } from '../../errors/mirror-error';
import {
  type PlannedFile,
  type Project,
  type ProjectLayout,
  REPOSITORY_LAYOUT,
  WRAPPER_LAYOUT,
} from '../../new-path/project';
import type { MirroredPath } from '../../paths/mirrored-path';
import { migrationsFolder, PACKAGE_FOLDER } from '../folders';
import { type MigrationFile, readMigrationFiles } from '../migrate/migration-files';

/** Of an error: `doctor` skips what it can't look at yet. */
const NOT_READY = { code: 'PROJECT_NOT_READY' } as const;

/** A project on the disk. */
export interface OpenProject extends Project {
  /** Its folder. */
  root: string;
}

/**
 * The project that a path is added to: a folder that has the package as a dependency, which
 * `src/paths.ts` shows, or this repository.
 *
 * @param folder the working folder
 * @throws ConfigurationError where there is neither
 */
export async function openProject(folder: string): Promise<OpenProject> {
  const repository = join(PACKAGE_FOLDER, '..');
  if (existsSync(join(folder, WRAPPER_LAYOUT.list))) return openWrapper(folder);
  if (!existsSync(join(repository, REPOSITORY_LAYOUT.list))) {
    throw new ConfigurationError(`${WRAPPER_LAYOUT.list} is not in the working folder`, {
      ...NOT_READY,
      remedy: 'run this in the folder that has it',
    });
  }
  const migrations = await readMigrationFiles(join(repository, REPOSITORY_LAYOUT.migrations));
  return opened(repository, REPOSITORY_LAYOUT, migrations, PATHS, NEVER_MIRROR);
}

async function openWrapper(root: string): Promise<OpenProject> {
  const own = join(root, WRAPPER_LAYOUT.migrations);
  const files = [
    ...(await readMigrationFiles(migrationsFolder())),
    ...(hasMigrations(own) ? await readMigrationFiles(own) : []),
  ];
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  const { paths, neverMirror } = pathsOf(root);
  return opened(root, WRAPPER_LAYOUT, files, paths, neverMirror);
}

/** A folder that was made for the first one has none yet. */
function hasMigrations(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((file) => file.endsWith('.sql'));
}

/**
 * What a wrapper's list exports once it is compiled; elsewhere, what this package mirrors by itself.
 *
 * @param folder the working folder
 * @throws ConfigurationError with code PROJECT_NOT_READY where the list isn't compiled, or is none
 */
export function pathsOf(folder: string): Pick<Project, 'paths' | 'neverMirror'> {
  if (!existsSync(join(folder, WRAPPER_LAYOUT.list))) {
    return { paths: PATHS, neverMirror: NEVER_MIRROR };
  }
  const file = join(folder, 'lib', 'paths.js');
  if (!existsSync(file)) {
    throw new ConfigurationError('lib/paths.js does not exist', {
      ...NOT_READY,
      remedy: 'compile src/paths.ts first',
    });
  }
  const exported = require(file) as { default?: unknown; neverMirror?: unknown };
  // What a cycle of imports leaves undefined is found here.
  if (!Array.isArray(exported.default) || !exported.default.every(isDeclared)) {
    throw new ConfigurationError(
      'lib/paths.js: expected a list of paths as its default export',
      NOT_READY,
    );
  }
  const { default: paths, neverMirror = [] } = exported;
  // Read as none, a tree that is never to be mirrored could be.
  if (!Array.isArray(neverMirror)) {
    throw new ConfigurationError(
      'lib/paths.js: expected neverMirror to be a list of trees',
      NOT_READY,
    );
  }
  return { paths, neverMirror };
}

function isDeclared(path: Partial<MirroredPath> | null | undefined): path is MirroredPath {
  return typeof path?.parsePath === 'function';
}

function opened(
  root: string,
  layout: ProjectLayout,
  migrations: readonly MigrationFile[],
  paths: readonly MirroredPath[],
  neverMirror: readonly string[],
): OpenProject {
  return {
    ...{ root, layout, migrations, paths, neverMirror },
    listText: readFileSync(join(root, layout.list), 'utf8'),
    hasFile: (file) => existsSync(join(root, file)),
  };
}

/**
 * Writes the files, or none: a second attempt must find the project as it was. One that has come to be
 * there meanwhile is left alone, and is an error.
 *
 * @throws ConfigurationError where one can't be written
 */
export function writeFiles(root: string, files: readonly PlannedFile[]): void {
  const written: string[] = [];
  for (const { file, text, isNew } of files) {
    const path = join(root, file);
    try {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text, { flag: isNew ? 'wx' : 'w' });
      if (isNew) written.push(path);
    } catch (error) {
      for (const other of written) rmSync(other, { force: true });
      const reason = error instanceof Error ? error.message : String(error);
      throw new ConfigurationError(`${file} could not be written, so nothing was: ${reason}`);
    }
  }
}
