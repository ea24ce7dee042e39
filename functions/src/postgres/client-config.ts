import type { ClientConfig } from 'pg';
import { ConfigurationError } from '../configuration-error';

/** Time limits of a connection, in milliseconds. All are well inside the function's own 60 s. */
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 10_000;

/** What in a connection string would overrule the host that is checked, or TLS. */
const REFUSED_PARAMETERS = ['host', 'hostaddr', 'ssl'];

/**
 * Reads a Postgres connection string.
 *
 * TLS is verified for every host but this machine, unless the string says otherwise by `sslmode`.
 * The time limit of a statement is the client's: poolers in transaction mode refuse
 * `statement_timeout` at start-up. A statement over it loses its connection, and is delivered again.
 *
 * @param databaseUrl `postgres://user:password@host:port/database`
 * @param authority the certificate (PEM) that signs the server's, where that is no public authority's
 * @throws ConfigurationError without any part of the string
 */
export function clientConfig(databaseUrl: string | undefined, authority?: string): ClientConfig {
  if (!databaseUrl) {
    throw new ConfigurationError('DATABASE_URL is not set: expected a secret with that name');
  }
  const url = URL.canParse(databaseUrl) ? new URL(databaseUrl) : null;
  if (url === null || !['postgres:', 'postgresql:'].includes(url.protocol) || url.hostname === '') {
    throw new ConfigurationError(
      'DATABASE_URL is not usable: expected postgres://user:password@host:port/database',
    );
  }
  const refused = REFUSED_PARAMETERS.find((name) => url.searchParams.has(name));
  if (refused) {
    throw new ConfigurationError(`DATABASE_URL is not usable: it must not have ?${refused}=`);
  }
  return {
    connectionString: databaseUrl,
    application_name: 'quest-mirror',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    ...tlsOptions(url, authority),
  };
}

function tlsOptions(url: URL, authority: string | undefined): Pick<ClientConfig, 'ssl'> {
  const hasSslmode = url.searchParams.has('sslmode');
  if (authority && hasSslmode) {
    // pg would drop the authority without a word.
    throw new ConfigurationError('DATABASE_CA goes with a DATABASE_URL that has no sslmode');
  }
  // A certificate on one line, as an environment file holds it.
  if (authority)
    return { ssl: { rejectUnauthorized: true, ca: authority.replaceAll('\\n', '\n') } };
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  return hasSslmode || isLocal ? {} : { ssl: { rejectUnauthorized: true } };
}
