import type { ClientConfig } from 'pg';
import { parseDatabaseUrl } from './database-url';
import { tlsOptions } from './tls-options';

/** Time limits of a connection, in milliseconds. All are well inside the function's own 60 s. */
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 10_000;

/** What the server is told when a session begins, from the connection string. */
const SESSION_PARAMETERS = [
  ...['application_name', 'options', 'statement_timeout', 'lock_timeout'],
  'idle_in_transaction_session_timeout',
];

/**
 * How pg connects to what a connection string names. TLS is verified for every host but this machine. pg
 * gets the parts, never the string: it would read it once more, by rules of its own.
 *
 * The time limit of a statement is the client's: poolers in transaction mode refuse
 * `statement_timeout` at start-up. A statement over it loses its connection, and is delivered again.
 *
 * @param databaseUrl `postgres://user:password@host:port/database`
 * @param authority certificates (PEM) that sign the server's, where no public authority does
 * @throws ConfigurationError without any part of the string
 */
export function clientConfig(databaseUrl: string, authority?: string): ClientConfig {
  const { user, password, host, port, database, parameters } = parseDatabaseUrl(databaseUrl);
  const session = [...parameters].filter(([name]) => SESSION_PARAMETERS.includes(name));
  return {
    application_name: 'quest-mirror',
    ...Object.fromEntries(session),
    ...{ user, host, port, database },
    // A function, since pg takes PGPASSWORD or a password file where there is no text.
    password: password ?? (() => ''),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    ...tlsOptions({ host, modes: parameters.getAll('sslmode') }, authority),
  };
}
