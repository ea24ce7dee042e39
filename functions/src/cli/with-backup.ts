import { type Command, Option } from 'commander';
import { type OpenBackup, openBackup } from '../backup/open-backup';
import { postgresConfig } from '../deploy/settings';
import { UsageError } from '../errors/mirror-error';
import type { MirroredPath } from '../paths/mirrored-path';
import type { Statements } from '../postgres/statements';
import type { CommandContext } from './context';

export interface BackupOptions {
  backup?: string;
  asOf?: string;
}

/** The options of every verb that takes one of RTDB's backups. */
export function withBackupOption(command: Command, instead: readonly string[]): Command {
  return command
    .addOption(
      new Option(
        '--backup <file>',
        "compare with one of RTDB's own backups, gzipped or not (- = stdin), and read in RTDB only what differs",
      ).conflicts([...instead]),
    )
    .option('--as-of <instant>', "the backup's time (default: as its name has it)");
}

/**
 * The backup that is named, for as long as `work` takes.
 *
 * @throws UsageError without a name, or without a stdin; BackupError as `openBackup` and the comparison do
 */
export async function withBackup<T>(
  { backup, asOf }: BackupOptions,
  { env, readIn }: CommandContext,
  stores: {
    statements: Statements;
    instance: string;
    paths: readonly MirroredPath[];
    databaseUrlEnv: string;
  },
  work: (backup: OpenBackup) => Promise<T>,
): Promise<T> {
  const source = backup === '-' ? readIn?.() : backup;
  if (source === undefined || source === '') throw new UsageError('--backup: expected a file');
  const { statements, instance, paths, databaseUrlEnv } = stores;
  const given = { source, asOf: asOf ?? null, instance, paths };
  const open = await openBackup(given, statements, postgresConfig(env, databaseUrlEnv));
  try {
    return await work(open);
  } finally {
    await open.close();
  }
}

/** `--as-of` says nothing without a backup. */
export function refuseLoneTime({ backup, asOf }: BackupOptions): void {
  if (asOf !== undefined && backup === undefined) {
    throw new UsageError("--as-of is a backup's time: name the backup with --backup");
  }
}
