import { createReadStream } from 'node:fs';
import { type Command, Option } from 'commander';
import { postgresConfig } from '../../deploy/settings';
import { UsageError } from '../../errors/mirror-error';
import {
  type BadLine,
  type ImportedIdentities,
  importIdentities,
} from '../../identities/import-identities';
import { readIdentities } from '../../identities/read-identities';
import { inTransaction } from '../../postgres/transaction';
import type { CommandContext, ExitWith } from '../context';
import { withDatabaseUrlOption } from '../database-url';
import { jsonLine, printable } from '../printable';

interface ImportOptions {
  databaseUrlEnv: string;
  dryRun?: true;
  write?: true;
  json?: true;
}

/** Bad lines shown; all are counted. */
const SHOWN = 20;

/** `mirror identities import`: which app user is which RTDB user (docs/tables.md). */
export function registerIdentities(
  program: Command,
  context: CommandContext,
  exitWith: ExitWith,
): void {
  const command = program
    .command('identities')
    .description("which of the app's users is which user in RTDB")
    .command('import')
    .argument('<file>', 'CSV with the columns rtdb_user_id,app_user_id (- = stdin)')
    .description('add and change identities, all or none (a dry run without --write)')
    .addOption(new Option('--dry-run', 'check and count, write nothing (the default)'))
    .addOption(new Option('--write', 'write').conflicts('dryRun'))
    .option('--json', 'print one JSON object');
  withDatabaseUrlOption(command).action((file: string, options: ImportOptions) =>
    runImport(file, options, context, exitWith),
  );
}

async function runImport(
  file: string,
  options: ImportOptions,
  { env, writeOut, writeError, readIn }: CommandContext,
  exitWith: ExitWith,
): Promise<void> {
  const write = options.write ?? false;
  const bad: BadLine[] = [];
  const open = () => (file === '-' && readIn ? readIn() : createReadStream(file));
  const counts = await inTransaction(
    postgresConfig(env, options.databaseUrlEnv),
    (statements) =>
      importIdentities(readIdentities(open), statements, (line) => {
        if (bad.length < SHOWN) bad.push(line);
      }),
    (imported) => write && imported.bad === 0,
  ).catch((error: unknown) => {
    throw isFileError(error) ? new UsageError(`${file}: ${error.code}`) : error;
  });
  if (options.json) writeOut(jsonLine({ ...counts, written: write && counts.bad === 0, bad }));
  else {
    for (const { line, problem } of bad)
      writeError(`${printable(file)} line ${line}: ${problem}\n`);
    writeOut(sentence(counts, write));
  }
  if (counts.bad > 0) exitWith(1);
}

function sentence(
  { added, changed, unchanged, erased, bad }: ImportedIdentities,
  write: boolean,
): string {
  const leftOut = erased > 0 ? `, ${erased} left out, since they were erased` : '';
  const counted = `${added} added, ${changed} changed, ${unchanged} unchanged${leftOut}`;
  if (bad > 0) return `Nothing was written: ${bad} bad lines (beside ${counted}).\n`;
  return write ? `Written: ${counted}.\n` : `A dry run: ${counted}. --write writes.\n`;
}

function isFileError(error: unknown): error is { code: string } {
  if (typeof error !== 'object' || error === null || !('syscall' in error)) return false;
  return 'path' in error || ('code' in error && error.code === 'EISDIR');
}
