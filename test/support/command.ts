import { run } from '../../cli/main';

/** What a command line printed, and its exit code. */
export interface CommandResult {
  code: number;
  out: string;
  errors: string;
}

/** Runs `mirror` with these arguments in this process. */
export async function runCommand(
  args: string[],
  env: Record<string, string | undefined>,
): Promise<CommandResult> {
  let out = '';
  let errors = '';
  const code = await run(args, {
    env,
    writeOut: (text) => {
      out += text;
    },
    writeError: (text) => {
      errors += text;
    },
  });
  return { code, out, errors };
}
