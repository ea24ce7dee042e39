import { basename } from 'node:path';
import { normalizeInstant } from '../values/event-time';
import { BackupError } from './backup-error';

/** What the name of one of RTDB's own backups tells. */
export interface BackupName {
  /** Normalized instant at which RTDB began it. */
  takenAt: string;
  instance: string;
}

/**
 * `2026-11-27T02:15:30Z_my-project-default-rtdb_data.json.gz`, which systems and browsers change as
 * they save it: the colons become `_`, `-`, a space or `%3A`, and a second copy gets ` (1)`. Beside
 * each there is one of the rules.
 *
 * Source: https://firebase.google.com/docs/database/backups, and names as people have them in public
 * repositories.
 */
const NAME =
  /(\d{4}-\d{2}-\d{2})T(\d{2})(?::|%3A|[ _-])?(\d{2})(?::|%3A|[ _-])?(\d{2})Z_(.+)_(data|rules)\.json(?: ?\(\d+\))?(?:\.gz)?(?: ?\(\d+\))?$/i;

/**
 * Reads the name of a backup.
 *
 * @returns null where it isn't as RTDB writes it
 * @throws BackupError where it is the name of a backup of the rules
 */
export function parseBackupName(file: string): BackupName | null {
  const name = basename(file).replace(/ ?\(\d+\)(?=\.json|$)/, '');
  const match = NAME.exec(name);
  if (match === null) return null;
  const [, day, hour, minute, second, instance = '', what] = match;
  const takenAt = normalizeInstant(`${day}T${hour}:${minute}:${second}Z`);
  if (takenAt === null) return null;
  if (what === 'rules') {
    throw new BackupError('the backup is one of the rules: expected the file whose name has _data');
  }
  return { takenAt, instance };
}

/** What is known of a backup besides what it holds. */
export interface BackupOrigin {
  /** Null = it comes by a pipe. */
  file: string | null;
  /** `--as-of`, as it was typed; null = not given. */
  asOf: string | null;
  /** The RTDB that the database mirrors; null = not known yet. */
  instance: string | null;
}

/**
 * When a backup was taken: as `--as-of` says, else as its name does.
 *
 * @returns a normalized instant
 * @throws BackupError in one line: of another RTDB, no time, or a time that can't be read
 */
export function backupTime({ file, asOf, instance }: BackupOrigin): string {
  const name = file === null ? null : parseBackupName(file);
  if (name !== null && instance !== null && name.instance !== instance) {
    throw new BackupError(
      `the backup is of another RTDB: of ${name.instance}, and this database mirrors ${instance}`,
    );
  }
  if (asOf !== null) return givenTime(asOf);
  if (name !== null) return name.takenAt;
  const problem =
    file === null ? 'a backup on stdin has no time' : 'the name of the backup has no time';
  throw new BackupError(problem, { remedy: 'give it, such as --as-of 2026-11-27T02:15:30Z' });
}

function givenTime(asOf: string): string {
  // Without a zone it might be anybody's local time, hours away.
  const instant = /(Z|[+-]\d{2}:?\d{2})$/i.test(asOf) ? normalizeInstant(asOf) : null;
  if (instant !== null) return instant;
  throw new BackupError('--as-of: expected an instant with its zone, such as 2026-11-27T02:15:30Z');
}

/** A clock of a machine may be off by this. */
const MAX_SKEW_MS = 5 * 60_000;

/**
 * Whether a path can be compared with a backup of this time.
 *
 * @param times normalized instants: of the backup, of now, and of when the path began to be mirrored
 * @returns what is wrong with it, in one line; null = nothing
 */
export function complaintAboutTime(times: {
  takenAt: string;
  now: string;
  beganAt: string;
}): string | null {
  const { takenAt, now, beganAt } = times;
  if (Date.parse(takenAt) > Date.parse(now) + MAX_SKEW_MS) {
    return `the backup is of ${takenAt}, which is in the future`;
  }
  if (takenAt < beganAt) {
    return `the backup is of ${takenAt}, before the path began to be mirrored (${beganAt})`;
  }
  return null;
}
