import type { Command } from 'commander';
import { postgresConfig } from '../deploy/settings';
import { settingText } from '../values/setting-text';
import type { CommandContext } from './context';

/** The owner's, who migrates and repairs; the functions have a secret of their own. */
const DATABASE_URL = 'DATABASE_URL';

/** The option of every verb that talks to Postgres: `postgresConfig` reads what it names. */
export function withDatabaseUrlOption(command: Command): Command {
  // The name of a variable, not the URL: arguments are visible to everybody on the machine.
  return command.option(
    '--database-url-env <name>',
    'environment variable that holds the Postgres URL',
    DATABASE_URL,
  );
}

/**
 * The URL as text, for what hands it on.
 *
 * @throws ConfigurationError as `postgresConfig` does
 */
export function databaseUrlFrom(env: CommandContext['env'], name: string): string {
  postgresConfig(env, name);
  return settingText(env[name]);
}
