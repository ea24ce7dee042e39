import { Command, CommanderError } from 'commander';
import { RtdbReadError } from '../functions/src/rtdb/rtdb-request';
import { registerBackfill } from './commands/backfill';
import { registerMigrate } from './commands/migrate';
import { registerPurge } from './commands/purge';
import { registerReconcile } from './commands/reconcile';
import { registerRepair } from './commands/repair';
import { registerSimulate } from './commands/simulate';
import { type CommandContext, processContext } from './context';
import { ConfigError, UsageError } from './errors';

/** A verb is one file in commands/ and one line here. */
const REGISTER_COMMANDS = [
  registerMigrate,
  registerBackfill,
  registerReconcile,
  registerRepair,
  registerPurge,
  registerSimulate,
];

/** Bad arguments, and stores that can't be reached. */
const EXIT_2 = [UsageError, ConfigError, RtdbReadError];

/** Runs one command line (without node and script) and answers the exit code. */
export async function run(args: string[], context: CommandContext): Promise<number> {
  try {
    await createProgram(context).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has printed its own message, or the help or version that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    context.writeError(`mirror: ${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT_2.some((kind) => error instanceof kind) ? 2 : 1;
  }
}

function createProgram(context: CommandContext): Command {
  const program = new Command('mirror')
    .description('Operate the mirror of quest completions')
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({ writeOut: context.writeOut, writeErr: context.writeError });
  for (const register of REGISTER_COMMANDS) register(program, context);
  return program;
}

if (require.main === module) {
  void run(process.argv.slice(2), processContext).then((code) => {
    process.exitCode = code;
  });
}
