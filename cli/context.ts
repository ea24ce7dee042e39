/** What a command may touch of its process; the tests bring their own. */
export interface CommandContext {
  env: Readonly<Record<string, string | undefined>>;
  writeOut(text: string): void;
  writeError(text: string): void;
  /** Whether a person watches stderr. */
  isTerminal?: boolean;
}

export const processContext: CommandContext = {
  env: process.env,
  writeOut: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
  isTerminal: process.stderr.isTTY,
};
