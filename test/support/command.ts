import type { CommandContext } from '../../functions/src/cli/context';
import { run } from '../../functions/src/cli/main';
import { registerSimulate } from '../../simulate/simulate-command';

/** What a command line printed, and its exit code. */
export interface CommandResult {
  code: number;
  out: string;
  errors: string;
}

/** Runs `npm run mirror` with these arguments in this process. */
export async function runCommand(
  args: string[],
  env: Record<string, string | undefined>,
): Promise<CommandResult> {
  let out = '';
  let errors = '';
  const context: CommandContext = {
    env,
    writeOut: (text) => {
      out += text;
    },
    writeError: (text) => {
      errors += text;
    },
  };
  const code = await run(args, context, [registerSimulate]);
  return { code, out, errors };
}
