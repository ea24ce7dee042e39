import type { Command } from 'commander';
import type { CommandContext } from './context';
import { ConfigError } from './errors';

/** The option of every verb that talks to Postgres; `databaseUrlFrom` reads what it names. */
export function withDatabaseUrlOption(command: Command): Command {
  // The name of a variable, not the URL: arguments are visible to everybody on the machine.
  return command.option(
    '--database-url-env <name>',
    'environment variable that holds the Postgres URL',
    'DATABASE_URL',
  );
}

export function databaseUrlFrom(env: CommandContext['env'], name: string): string {
  const url = env[name]?.trim();
  if (url) return url;
  throw new ConfigError(
    `${name} is not set: set it to the URL of the Postgres database ` +
      '(or name another variable with --database-url-env).',
  );
}
