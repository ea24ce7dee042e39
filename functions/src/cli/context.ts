import type { Readable } from 'node:stream';
import type { DeclaredPaths } from './declared-paths';

/** What a command may touch of its process; the tests bring their own. */
export interface CommandContext {
  env: Readonly<Record<string, string | undefined>>;
  writeOut(text: string): void;
  writeError(text: string): void;
  /** Standard input; none in a test that brings no other. */
  readIn?(): Readable;
  /** Whether a person watches stderr. */
  isTerminal?: boolean;
}

/** The same, for a verb. */
export interface VerbContext extends CommandContext {
  /** Loaded at the first call: `migrate` needs no declaration. */
  declared(): DeclaredPaths;
}

/** 1 = the answer is no; 2 = there is none: bad arguments, or a store that can't be reached. */
export type ExitCode = 0 | 1 | 2;

/** For verbs whose answer is their exit code; without it, 0. */
export type ExitWith = (code: ExitCode) => void;

export const processContext: CommandContext = {
  env: process.env,
  writeOut: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
  readIn: () => process.stdin,
  isTerminal: process.stderr.isTTY,
};
