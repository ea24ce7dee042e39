import { Client } from 'pg';
import { ConfigError } from '../errors';

const CONNECT_TIMEOUT_MS = 10_000;

/** One connection, or one clear line about why not; neither shows the URL, which has a password. */
export async function connect(databaseUrl: string): Promise<Client> {
  const client = createClient(databaseUrl);
  // A connection that breaks between two statements is reported here; unheard, it ends the process.
  // The next statement fails, and says so.
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw new ConfigError(
      `Cannot connect to Postgres at ${client.host}:${client.port}: ${reasonOf(error)}.`,
      { cause: error },
    );
  }
}

function createClient(databaseUrl: string): Client {
  // No cause is attached: Node's "Invalid URL" error carries its input, the password with it.
  const invalid = new ConfigError(
    'The database URL is not valid: postgres://user:password@host:port/database is expected, ' +
      'with special characters in the password percent-encoded.',
  );
  if (!/^postgres(ql)?:\/\//.test(databaseUrl)) throw invalid;
  try {
    // An unencoded / # or ? ends the host early: what is left of the password would be the port.
    if (databaseUrl.includes('@') && new URL(databaseUrl).username === '') throw invalid;
    return new Client({
      connectionString: databaseUrl,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    });
  } catch {
    throw invalid;
  }
}

function reasonOf(error: unknown): string {
  // A host with an IPv4 and an IPv6 address fails once for each.
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message.replace(/\.$/, '') : String(error);
}
