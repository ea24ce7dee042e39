import type { Readable } from 'node:stream';
import type { ClientConfig } from 'pg';
import { z } from 'zod';
import type { MirroredPath } from '../paths/mirrored-path';
import { query, type Statements } from '../postgres/statements';
import { BackupError } from './backup-error';
import { readBackup } from './backup-file';
import { backupTime, complaintAboutTime } from './backup-name';
import { compareBackup, type PathComparison, type PathEnd } from './compare-backup';
import { openTables } from './open-tables';

/** A backup that somebody gives. */
export interface GivenBackup {
  /** A file's name, or a stream. */
  source: string | Readable;
  /** `--as-of`, as it was typed; null = not given. */
  asOf: string | null;
  /** The RTDB that the database mirrors. */
  instance: string;
  paths: readonly MirroredPath[];
}

/** A backup that can be compared, once. */
export interface OpenBackup {
  /** Normalized instant. */
  takenAt: string;
  /** Paths whose rows show columns of an earlier declaration. */
  columnsDue: ReadonlySet<string>;
  comparisons: AsyncIterable<PathComparison | PathEnd>;
  close(): Promise<void>;
}

/** By the database's clock. */
const BOOKS_OF_PATHS = query({
  text: `
select
  path,
  to_char(began_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as began_at,
  to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now,
  columns_due_at is not null as are_columns_due
from mirror.paths
where path = any ($1) and removed_at is null
`,
  params: { paths: 'text[]' },
  row: { path: z.string(), beganAt: z.string(), now: z.string(), areColumnsDue: z.boolean() },
});

/**
 * Makes sure that a backup fits, before any of it is read. Nothing is connected until it is compared.
 *
 * @param config of connections that read tables
 * @throws BackupError in one line: of another RTDB, without a time, of the future, or older than a path
 */
export async function openBackup(
  { source, asOf, instance, paths }: GivenBackup,
  statements: Statements,
  config: ClientConfig,
): Promise<OpenBackup> {
  const file = typeof source === 'string' ? source : null;
  const takenAt = backupTime({ file, asOf, instance });
  const books = await BOOKS_OF_PATHS.all(statements, { paths: paths.map(({ name }) => name) });
  for (const { path, beganAt, now } of books) {
    const complaint = complaintAboutTime({ takenAt, now, beganAt });
    if (complaint !== null) throw new BackupError(`${path}: ${complaint}`, { remedy: REMEDY });
  }
  const tables = openTables(config);
  return {
    takenAt,
    columnsDue: new Set(books.filter((one) => one.areColumnsDue).map(({ path }) => path)),
    comparisons: compareBackup(readBackup(source, paths), tables),
    close: () => tables.close(),
  };
}

const REMEDY = 'take a younger backup, or name the other paths with --path';
