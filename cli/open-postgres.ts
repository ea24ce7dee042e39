import { ConfigurationError } from '../functions/src/configuration-error';
import { clientConfig } from '../functions/src/postgres/client-config';
import { connectReasonInFull } from '../functions/src/postgres/connect-reason';
import { Connections } from '../functions/src/postgres/connections';
import { ConnectError } from '../functions/src/postgres/sqlstate';
import type { CommandContext } from './context';
import { databaseUrlFrom } from './database-url';
import { ConfigError } from './errors';

/**
 * Connections as the functions make them (TLS verified, `DATABASE_CA`), closed when `work` ends.
 *
 * @param urlVariable the environment variable that holds the Postgres URL
 * @param connectionsMax how many statements may run side by side
 * @throws ConfigError where Postgres can't be reached; it names host and port only
 */
export async function withPostgres<T>(
  env: CommandContext['env'],
  urlVariable: string,
  work: (connections: Connections) => Promise<T>,
  connectionsMax = 2,
): Promise<T> {
  const databaseUrl = databaseUrlFrom(env, urlVariable);
  const connections = openConnections(databaseUrl, env.DATABASE_CA, connectionsMax);
  try {
    return await work(connections);
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const { host } = new URL(databaseUrl);
    const reason = connectReasonInFull(error);
    throw new ConfigError(`Cannot connect to Postgres at ${host}: ${reason}.`, { cause: error });
  } finally {
    await connections.close();
  }
}

function openConnections(url: string, authority: string | undefined, max: number): Connections {
  try {
    return new Connections(clientConfig(url, authority), max);
  } catch (error) {
    if (error instanceof ConfigurationError) throw new ConfigError(error.message);
    throw error;
  }
}
