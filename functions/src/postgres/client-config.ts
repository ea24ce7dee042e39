import type { ClientConfig } from 'pg';
import { ConfigurationError } from '../configuration-error';

/** Time limits of a connection, in milliseconds. All are well inside the function's own 60 s. */
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 10_000;

/**
 * Reads a Postgres connection string.
 *
 * TLS is verified for every host but this machine unless the string says otherwise (`sslmode`).
 * The time limit of a statement is the client's: poolers in transaction mode refuse
 * `statement_timeout` at start-up. A statement over it loses its connection, and is delivered again.
 *
 * @param databaseUrl `postgres://user:password@host:port/database`
 * @throws ConfigurationError without any part of the string
 */
export function clientConfig(databaseUrl: string | undefined): ClientConfig {
  if (!databaseUrl) {
    throw new ConfigurationError('DATABASE_URL is not set: expected a secret with that name');
  }
  const url = URL.canParse(databaseUrl) ? new URL(databaseUrl) : null;
  if (url === null || !['postgres:', 'postgresql:'].includes(url.protocol) || url.hostname === '') {
    throw new ConfigurationError(
      'DATABASE_URL is not usable: expected postgres://user:password@host:port/database',
    );
  }
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  return {
    connectionString: databaseUrl,
    application_name: 'quest-mirror',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    ...(local || url.searchParams.has('sslmode') ? {} : { ssl: { rejectUnauthorized: true } }),
  };
}
