import { MigrationError } from './migration-error';
import type { MigrationFile } from './migration-files';

export interface RecordedMigration {
  name: string;
  checksum: string;
}

/**
 * The files that the database lacks, in order. History only grows at its end: a recorded file that
 * was changed or removed, or a new file before a recorded one, is an error, because databases that
 * were migrated at different times would no longer be alike.
 */
export function planMigrations(
  files: readonly MigrationFile[],
  recorded: readonly RecordedMigration[],
): MigrationFile[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  for (const { name, checksum } of recorded) {
    const file = byName.get(name);
    if (!file) {
      throw new MigrationError(
        `${name} was applied to this database but is not in the folder: ` +
          'the checkout is older than the database, or the file was removed.',
      );
    }
    if (file.checksum !== checksum) {
      throw new MigrationError(`${name} was changed after it had been applied`, {
        remedy: 'restore it and write a new migration',
      });
    }
  }
  const applied = new Set(recorded.map(({ name }) => name));
  const newest = recorded
    .map(({ name }) => name)
    .sort()
    .at(-1);
  const pending = files.filter(({ name }) => !applied.has(name));
  const tooOld = pending.find(({ name }) => newest !== undefined && name < newest);
  if (tooOld) {
    throw new MigrationError(`${tooOld.name} is older than ${newest}, which was applied already`, {
      remedy: 'give it a newer timestamp',
    });
  }
  return pending;
}
