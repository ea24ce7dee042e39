import { declarationHash } from '../../paths/define-path';
import type { MirroredPath } from '../../paths/mirrored-path';
import {
  type DeclaredHash,
  MIGRATED_PATHS,
  parseMigratedPaths,
} from '../../postgres/access-catalog';
import { ConfigError } from '../errors';
import { type OpenProject, openProject } from '../new-path/open-project';
import { type Check, type Diagnosis, fail, ok, skipped, warn } from './check';

const WRITE_AND_MIGRATE =
  "run `npm run mirror -- new-path` with the path's ref, then `npm run mirror -- migrate`";

/** Whether the migrations have made of each path what it is declared as. Pure. */
export function pathsCheck(
  declared: readonly MirroredPath[],
  migrated: readonly DeclaredHash[],
): Diagnosis {
  const hashes = new Map(migrated.map(({ path, hash }) => [path, hash]));
  const lacking = declared.filter(({ name }) => !hashes.has(name));
  const differing = declared.filter(
    (path) => hashes.has(path.name) && hashes.get(path.name) !== declarationHash(path),
  );
  const complaints = [
    ...lacking.map(({ name }) => `${name} has no table`),
    ...differing.map(({ name }) => `${name} is declared otherwise than it was migrated`),
  ];
  if (complaints.length > 0) return fail(complaints.join('; '), WRITE_AND_MIGRATE);
  const names = new Set(declared.map(({ name }) => name));
  const orphans = migrated.filter(({ path }) => !names.has(path)).map(({ path }) => path);
  if (orphans.length > 0) {
    return warn(
      `Postgres has ${orphans.join(', ')}, and no such path is declared`,
      'restore its declaration, or set removed_at in mirror.paths',
    );
  }
  return ok(`all ${declared.length} are migrated as they are declared`);
}

export const PATHS_CHECK: Check = {
  name: 'paths',
  needs: 'postgres',
  run: async ({ statements }) => {
    const project = await openProject(process.cwd()).catch(
      (error: unknown): OpenProject | Diagnosis => {
        if (error instanceof ConfigError) return skipped(error.message);
        throw error;
      },
    );
    if ('status' in project) return project;
    return pathsCheck(project.paths, parseMigratedPaths(await statements.run(MIGRATED_PATHS, [])));
  },
};
