import type { MirroredPath } from '../paths/mirrored-path';
import { declaredSoFar } from './declared-so-far';
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
 * @throws ConfigurationError where a column has changed its type
 */
export function planChange(path: MirroredPath, project: Project, now: Date): ChangePlan {
  const { migrations, layout } = project;
  const planned = (name: string, text: string): readonly [PlannedFile] => [
    { file: nextMigrationFile(layout.migrations, name, migrations, now), text, isNew: true },
  ];
  const migrated = declaredSoFar(migrations).get(path.name);
  if (migrated === undefined) {
    return { kind: 'table', files: planned(path.name, createTableMigration(path)) };
  }
  const change = pathChange(path, migrated);
  if (change === null) return { kind: 'nothing' };
  const text = changePathMigration(path, change.added);
  return { kind: 'change', change, files: planned(`${path.name}_changed`, text) };
}
