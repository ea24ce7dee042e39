import { ConfigurationError } from '../errors/mirror-error';
import type { MirroredPath } from '../paths/mirrored-path';
import { declaredSoFar, type MigratedPath } from './declared-so-far';
import { changePathMigration, createTableMigration } from './migration-file';
import { nextMigrationFile } from './migration-name';
import { type PathChange, pathChange } from './path-change';
import type { PlannedFile, Project } from './project';

/** What a declared path's migrations lack. */
export type ChangePlan =
  | { kind: 'nothing' }
  /** No migration declares it yet. */
  | { kind: 'table'; files: readonly [PlannedFile] }
  | { kind: 'change'; change: PathChange; files: readonly [PlannedFile] };

/**
 * The migration that brings a declared path's table up to its declaration. Pure.
 *
 * @throws ConfigurationError where its name, ref or day has changed, or the type of a column
 */
export function planChange(path: MirroredPath, project: Project, now: Date): ChangePlan {
  const { migrations, layout } = project;
  const planned = (name: string, text: string): readonly [PlannedFile] => [
    { file: nextMigrationFile(layout.migrations, name, migrations, now), text, isNew: true },
  ];
  const declared = declaredSoFar(migrations);
  const migrated = declared.get(path.name);
  if (migrated === undefined) {
    refuseOtherName(path, declared);
    return { kind: 'table', files: planned(path.name, createTableMigration(path)) };
  }
  const change = pathChange(path, migrated);
  if (change === null) return { kind: 'nothing' };
  const text = changePathMigration(path, change.added);
  return { kind: 'change', change, files: planned(`${path.name}_changed`, text) };
}

function refuseOtherName(
  { name, ref }: MirroredPath,
  declared: ReadonlyMap<string, MigratedPath>,
): void {
  const other = [...declared].find(([, migrated]) => migrated.ref === ref);
  if (other === undefined) return;
  throw new ConfigurationError(
    `path ${JSON.stringify(name)}: name: expected ${other[0]}, as ${other[1].file} declares its ref; ` +
      `a path keeps its name, or a migration sets removed_at of ${other[0]} in mirror.paths first`,
  );
}
