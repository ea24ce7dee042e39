import type { ClientConfig } from 'pg';
import { ConfigurationError } from '../configuration-error';
import { tlsOptions } from './tls-options';

/** Time limits of a connection, in milliseconds. All are well inside the function's own 60 s. */
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 10_000;

/** What in a connection string would overrule the host that is checked, or how it is. */
const REFUSED_PARAMETERS = [
  ...['host', 'hostaddr', 'ssl', 'sslcert', 'sslkey', 'sslrootcert'],
  ...['sslnegotiation', 'uselibpqcompat'],
];

/**
 * Reads a Postgres connection string. TLS is verified for every host but this machine.
 *
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
    connectionString: withoutSslmode(databaseUrl, url),
    application_name: 'quest-mirror',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    ...tlsOptions(url, authority),
  };
}

/** pg would let `sslmode` overrule the options given beside it, and drop the authority. */
function withoutSslmode(databaseUrl: string, url: URL): string {
  if (!url.searchParams.has('sslmode')) return databaseUrl;
  const without = new URL(url);
  without.searchParams.delete('sslmode');
  return without.href;
}
