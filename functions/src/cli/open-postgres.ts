import { openPostgres } from '../deploy/from-environment';
import { ConnectError, connectErrorInFull } from '../postgres/connect-error';
import type { Connections } from '../postgres/connections';
import type { CommandContext } from './context';

/**
 * Connections as the functions make them (TLS verified, `DATABASE_CA`), closed when `work` ends.
 *
 * @param urlVariable the environment variable that holds the Postgres URL
 * @param connectionsMax how many statements may run side by side
 * @throws ConfigurationError as `postgresConfig` does
 * @throws ConnectError where Postgres can't be reached; it names host and port only
 */
export async function withPostgres<T>(
  env: CommandContext['env'],
  urlVariable: string,
  work: (connections: Connections) => Promise<T>,
  connectionsMax = 2,
): Promise<T> {
  const connections = openPostgres(env, connectionsMax, urlVariable);
  try {
    return await work(connections);
  } catch (error) {
    throw error instanceof ConnectError ? connectErrorInFull(connections.address, error) : error;
  } finally {
    await connections.close();
  }
}
