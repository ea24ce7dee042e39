import { Readable } from 'node:stream';
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
  stdin?: string | Readable,
): Promise<CommandResult> {
  let out = '';
  let errors = '';
  const context: CommandContext = {
    env,
    ...(stdin === undefined ? {} : { readIn: () => readable(stdin) }),
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

function readable(text: string | Readable): Readable {
  return typeof text === 'string' ? Readable.from([Buffer.from(text)]) : text;
}
