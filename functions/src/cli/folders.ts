import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { WRAPPER_LAYOUT } from '../new-path/project';

/** What a project's `src/paths.ts` is compiled to. */
export const COMPILED_LIST = join('lib', 'paths.js');

/** This package, built or not: its package.json is here. */
export const PACKAGE_FOLDER = join(__dirname, '..', '..');

/** The migrations: packed into the package, or above it, as in this repository. */
export function migrationsFolder(packageFolder = PACKAGE_FOLDER): string {
  const packed = join(packageFolder, 'migrations');
  return existsSync(packed) ? packed : join(packageFolder, '..', 'migrations');
}

/**
 * Where the migrations are: the package's, then those of a project that has paths of its own.
 *
 * @param folder the working folder
 */
export function migrationFolders(folder: string): string[] {
  const own = join(folder, WRAPPER_LAYOUT.migrations);
  // Elsewhere `migrations/` may be anybody's, and would be applied.
  const isProject = [WRAPPER_LAYOUT.list, COMPILED_LIST].some((file) =>
    existsSync(join(folder, file)),
  );
  return isProject && hasMigrations(own) ? [migrationsFolder(), own] : [migrationsFolder()];
}

/** A folder that was made for the first one has none yet. */
function hasMigrations(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((file) => file.endsWith('.sql'));
}

/**
 * Where firebase.json is: in the working folder or the nearest above it, as firebase-tools looks for it, else
 * above the package, as in this repository; the working folder where there is none.
 */
export function projectFolder(packageFolder = PACKAGE_FOLDER, folder = process.cwd()): string {
  const places = [...withThoseAbove(folder), dirname(packageFolder)];
  return places.find((place) => existsSync(join(place, 'firebase.json'))) ?? folder;
}

function withThoseAbove(folder: string): string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...withThoseAbove(above)];
}
