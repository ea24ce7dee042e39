#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { ConfigurationError, UsageError } from '../errors/mirror-error';
import { ConnectError } from '../postgres/connect-error';
import { RtdbReadError } from '../rtdb/rtdb-client';
import { registerBackfill } from './commands/backfill';
import { registerDoctor } from './commands/doctor';
import { registerErase } from './commands/erase';
import { registerExplain } from './commands/explain';
import { registerIdentities } from './commands/identities';
import { registerMigrate } from './commands/migrate';
import { registerNewPath } from './commands/new-path';
import { registerPurge } from './commands/purge';
import { registerReconcile } from './commands/reconcile';
import { registerRepair } from './commands/repair';
import { registerReport } from './commands/report';
import {
  type CommandContext,
  type ExitCode,
  type ExitWith,
  processContext,
  type VerbContext,
} from './context';
import { declaredPaths } from './declared-paths';
import { forTerminal, printable } from './printable';
import { CannotTellError } from './read-stores';

// With `run`, all that the rest of the repository needs of cli/.
export { type CommandContext, processContext };

/** Adds a verb to the program. */
export type RegisterCommand = (program: Command, context: VerbContext, exitWith: ExitWith) => void;

/** A verb is one file in commands/ and one line here. */
const REGISTER_COMMANDS: readonly RegisterCommand[] = [
  registerMigrate,
  registerNewPath,
  registerBackfill,
  registerReconcile,
  registerRepair,
  registerPurge,
  registerErase,
  registerIdentities,
  registerReport,
  registerExplain,
  registerDoctor,
];

/** There is no answer: bad arguments or settings, and stores that can't be reached or read. */
const EXIT_2 = [UsageError, ConfigurationError, ConnectError, RtdbReadError, CannotTellError];

/**
 * Runs one command line (without node and script) and answers the exit code.
 *
 * @param more verbs beside the package's own
 */
export async function run(
  args: string[],
  given: CommandContext,
  more: readonly RegisterCommand[] = [],
): Promise<number> {
  // Here alone: arguments, servers and both stores may say anything.
  const context: CommandContext = {
    ...given,
    writeOut: (text) => given.writeOut(forTerminal(text)),
    writeError: (text) => given.writeError(forTerminal(text)),
  };
  let code: ExitCode = 0;
  const exitWith = (answer: ExitCode) => {
    code = answer;
  };
  try {
    const program = createProgram(context, exitWith, [...REGISTER_COMMANDS, ...more]);
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    // Commander has printed its own message, or the help or version that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const message = error instanceof Error ? error.message : String(error);
    // One line, whatever a server's text holds.
    context.writeError(`mirror: ${printable(message)}\n`);
    return EXIT_2.some((kind) => error instanceof kind) ? 2 : 1;
  }
}

function createProgram(
  context: CommandContext,
  exitWith: ExitWith,
  registrations: readonly RegisterCommand[],
): Command {
  const program = new Command('mirror')
    .description('Operate the mirror of an RTDB in Postgres')
    .option(
      '--paths <file>',
      "compiled list of the paths (default: the working folder's lib/paths.js, else the package's own)",
    )
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({
      writeOut: context.writeOut,
      writeErr: context.writeError,
      outputError: (text, write) =>
        write(text.replace(/^error: unknown command .*$/m, '$&; --help lists the verbs')),
    });
  const declared = () => declaredPaths(process.cwd(), program.opts<{ paths?: string }>().paths);
  // A list that is named is to be there, whether or not the verb asks for it.
  program.hook('preAction', () => {
    if (program.opts<{ paths?: string }>().paths !== undefined) declared();
  });
  for (const register of registrations) register(program, { ...context, declared }, exitWith);
  return program;
}

if (require.main === module) {
  void run(process.argv.slice(2), processContext).then((code) => {
    process.exitCode = code;
  });
}
