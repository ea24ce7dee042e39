import type { Command } from 'commander';
import { read } from '../../deploy/settings';
import type { CommandContext } from '../context';
import { databaseUrlFrom, withDatabaseUrlOption } from '../database-url';
import { migrationFolders } from '../folders';
import { applyMigrations, type MigrationResult } from '../migrate/apply-migrations';
import { printable } from '../printable';

interface MigrateOptions {
  databaseUrlEnv: string;
  dryRun?: true;
  json?: true;
}

/** `mirror migrate`: brings a database up to the package's migrations and the working folder's own. */
export function registerMigrate(program: Command, context: CommandContext): void {
  const command = program
    .command('migrate')
    .description('apply the migrations that the database lacks; safe to repeat')
    .option('--dry-run', 'list what would be applied, change nothing')
    .option('--json', 'print one JSON object');
  withDatabaseUrlOption(command).action((options: MigrateOptions) => migrate(options, context));
}

async function migrate(options: MigrateOptions, context: CommandContext): Promise<void> {
  const dryRun = options.dryRun === true;
  const authority = read(context.env, 'DATABASE_CA');
  const result = await applyMigrations({
    databaseUrl: databaseUrlFrom(context.env, options.databaseUrlEnv),
    ...(authority === undefined ? {} : { authority }),
    directory: migrationFolders(process.cwd()),
    dryRun,
    log: (line) => {
      if (!options.json) context.writeOut(`${printable(line)}\n`);
    },
  });
  const output = options.json ? JSON.stringify({ ...result, dryRun }) : summary(result, dryRun);
  context.writeOut(`${output}\n`);
}

function summary({ applied, alreadyApplied }: MigrationResult, dryRun: boolean): string {
  if (applied.length === 0) return `Up to date: ${alreadyApplied.length} applied before.`;
  const verb = dryRun ? 'to apply' : 'applied';
  return `${applied.length} ${verb}, ${alreadyApplied.length} applied before.`;
}
