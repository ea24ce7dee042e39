import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigurationError } from '../../errors/mirror-error';
import {
  type PlannedFile,
  type Project,
  type ProjectLayout,
  REPOSITORY_LAYOUT,
  WRAPPER_LAYOUT,
} from '../../new-path/project';
import { type DeclaredPaths, NOT_READY } from '../declared-paths';
import { PACKAGE_FOLDER } from '../folders';
import { type MigrationFile, readMigrations } from '../migrate/migration-files';

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
 * @param declared what is mirrored so far
 * @throws ConfigurationError where there is neither
 */
export async function openProject(
  folder: string,
  declared: () => DeclaredPaths,
): Promise<OpenProject> {
  const repository = join(PACKAGE_FOLDER, '..');
  const isWrapper = existsSync(join(folder, WRAPPER_LAYOUT.list));
  if (!isWrapper && !existsSync(join(repository, REPOSITORY_LAYOUT.list))) {
    throw new ConfigurationError(`${WRAPPER_LAYOUT.list} is not in the working folder`, {
      ...NOT_READY,
      remedy: 'run this in the folder that has it',
    });
  }
  const [root, layout] = isWrapper
    ? ([folder, WRAPPER_LAYOUT] as const)
    : ([repository, REPOSITORY_LAYOUT] as const);
  return opened(root, layout, (await readMigrations(root)).flat(), declared());
}

function opened(
  root: string,
  layout: ProjectLayout,
  migrations: readonly MigrationFile[],
  declared: DeclaredPaths,
): OpenProject {
  return {
    ...{ root, layout, migrations, ...declared },
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
