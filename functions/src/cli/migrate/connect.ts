import { Client } from 'pg';
import { clientConfig } from '../../postgres/client-config';
import { connectErrorInFull } from '../../postgres/connect-error';

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * One connection, encrypted and verified as the functions' are; or one clear line about why not. Neither
 * shows the URL, which has a password.
 *
 * @param authority certificates (PEM) that sign the server's: `DATABASE_CA`, read
 * @throws ConfigurationError without any part of the URL; ConnectError with host and port of it
 */
export async function connect(databaseUrl: string, authority?: string): Promise<Client> {
  const { host, port, user, password, database, ssl } = clientConfig(databaseUrl, authority);
  // Without the functions' limit on a statement: a migration may take its time.
  const client = new Client({
    ...{ host, port, user, password, database, ssl },
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  // A connection that breaks between two statements is reported here; unheard, it ends the process.
  // The next statement fails, and says so.
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw connectErrorInFull(`${host}:${port}`, error);
  }
}
