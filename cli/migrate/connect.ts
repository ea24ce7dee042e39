import { Client } from 'pg';
import { ConfigurationError } from '../../functions/src/configuration-error';
import { clientConfig } from '../../functions/src/postgres/client-config';
import { connectReasonInFull } from '../../functions/src/postgres/connect-reason';
import { ConfigError } from '../errors';

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * One connection, encrypted and verified as the functions' are; or one clear line about why not. Neither
 * shows the URL, which has a password.
 *
 * @param authority the certificate (PEM) that signs the server's: `DATABASE_CA`
 */
export async function connect(databaseUrl: string, authority?: string): Promise<Client> {
  const client = createClient(databaseUrl, authority);
  // A connection that breaks between two statements is reported here; unheard, it ends the process.
  // The next statement fails, and says so.
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw new ConfigError(
      `Cannot connect to Postgres at ${client.host}:${client.port}: ${connectReasonInFull(error)}.`,
      { cause: error },
    );
  }
}

function createClient(databaseUrl: string, authority: string | undefined): Client {
  // No cause is attached: Node's "Invalid URL" error carries its input, the password with it.
  const invalid = new ConfigError(
    'The database URL is not valid: postgres://user:password@host:port/database is expected, ' +
      'with special characters in the password percent-encoded.',
  );
  if (!/^postgres(ql)?:\/\//.test(databaseUrl)) throw invalid;
  try {
    // An unencoded / # or ? ends the host early: what is left of the password would be the port.
    if (databaseUrl.includes('@') && new URL(databaseUrl).username === '') throw invalid;
    // Without the functions' limit on a statement: a migration may take its time.
    const { connectionString, ssl } = clientConfig(databaseUrl, authority);
    return new Client({ connectionString, ssl, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  } catch (error) {
    if (error instanceof ConfigurationError) throw new ConfigError(error.message);
    throw invalid;
  }
}
