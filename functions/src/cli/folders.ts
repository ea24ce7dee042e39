import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** This package, built or not: its package.json is here. */
export const PACKAGE_FOLDER = join(__dirname, '..', '..');

/** The migrations: packed into the package, or above it, as in this repository. */
export function migrationsFolder(packageFolder = PACKAGE_FOLDER): string {
  const packed = join(packageFolder, 'migrations');
  return existsSync(packed) ? packed : join(packageFolder, '..', 'migrations');
}

/** Where firebase.json is: above the package in this repository, else the working folder. */
export function projectFolder(packageFolder = PACKAGE_FOLDER): string {
  const above = join(packageFolder, '..');
  return existsSync(join(above, 'firebase.json')) ? above : process.cwd();
}
