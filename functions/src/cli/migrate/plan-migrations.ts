import { MigrationError } from './migration-error';
import type { MigrationFile } from './migration-files';

export interface RecordedMigration {
  name: string;
  checksum: string;
}

/**
 * The files that the database lacks, in order. The history of each folder only grows at its end: a recorded
 * file that was changed or removed, or a new file before a recorded one of its folder, is an error, because
 * databases that were migrated at different times would no longer be alike.
 *
 * @param folders the package's files, then the project's own: a new version of the package brings files
 *   that are older than the project's newest
 */
export function planMigrations(
  folders: readonly (readonly MigrationFile[])[],
  recorded: readonly RecordedMigration[],
): MigrationFile[] {
  refuseTwice(folders.flat());
  refuseOtherHistory(folders.flat(), recorded);
  const applied = new Set(recorded.map(({ name }) => name));
  return folders.flatMap((files) => pendingOf(files, applied));
}

function refuseTwice(files: readonly MigrationFile[]): void {
  const names = files.map(({ name }) => name);
  const twice = names.find((name, place) => names.indexOf(name) !== place);
  if (twice === undefined) return;
  throw new MigrationError(`${twice}: the package has a migration of this name`, {
    remedy: 'give yours another timestamp',
  });
}

function refuseOtherHistory(
  files: readonly MigrationFile[],
  recorded: readonly RecordedMigration[],
): void {
  const byName = new Map(files.map((file) => [file.name, file]));
  for (const { name, checksum } of recorded) {
    const file = byName.get(name);
    if (!file) {
      throw new MigrationError(
        `${name} was applied to this database but is not here: the checkout or the package is older than ` +
          'the database, the file was removed, or the working folder is not the one that has it.',
      );
    }
    if (file.checksum !== checksum) {
      throw new MigrationError(`${name} was changed after it had been applied`, {
        remedy: 'restore it and write a new migration',
      });
    }
  }
}

/** Of one folder. */
function pendingOf(files: readonly MigrationFile[], applied: ReadonlySet<string>): MigrationFile[] {
  const newest = files
    .map(({ name }) => name)
    .filter((name) => applied.has(name))
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
