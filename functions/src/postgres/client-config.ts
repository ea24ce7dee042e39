import type { ClientConfig } from 'pg';
import { ConfigurationError } from '../errors/mirror-error';
import { parseDatabaseUrl } from './database-url';

/** Time limits of a connection, in milliseconds. All are well inside the function's own 60 s. */
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 10_000;

/** What the server is told when a session begins, from the connection string. */
const SESSION_PARAMETERS = [
  ...['application_name', 'options', 'statement_timeout', 'lock_timeout'],
  'idle_in_transaction_session_timeout',
];

const THIS_MACHINE = ['localhost', '127.0.0.1', '::1'];

/** What libpq's modes ask for; `allow` and `prefer` take what they get, encrypted or not. */
const VERIFYING_MODES = ['require', 'verify-ca', 'verify-full'];
const LENIENT_MODES = ['allow', 'prefer'];
const UNVERIFIED_MODES = ['disable', 'no-verify'];
const MODES = [...VERIFYING_MODES, ...LENIENT_MODES, ...UNVERIFIED_MODES];

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

/**
 * How a connection is encrypted. On every host but this machine the certificate and the host's name are
 * verified, whatever `sslmode` says: a mode that asks for less is refused or taken for more. Servers
 * without TLS are reached through a tunnel that ends on this machine.
 *
 * Source of the modes: PostgreSQL manual, 32.19 "SSL Support".
 *
 * @param authority certificates (PEM) that sign the server's, where no public authority does
 * @throws ConfigurationError without any part of the URL but a known mode
 */
function tlsOptions(
  { host, modes }: { host: string; modes: readonly string[] },
  authority: string | undefined,
): Pick<ClientConfig, 'ssl'> {
  if (modes.some((mode) => !MODES.includes(mode))) {
    throw new ConfigurationError(`sslmode is none of ${MODES}`);
  }
  const verified = { rejectUnauthorized: true, ...(authority ? { ca: authority } : {}) };
  if (THIS_MACHINE.includes(host)) {
    const isAskedFor = authority || modes.some((mode) => VERIFYING_MODES.includes(mode));
    return { ssl: isAskedFor ? verified : false };
  }
  const unverified = modes.find((mode) => UNVERIFIED_MODES.includes(mode));
  if (unverified) {
    throw new ConfigurationError(
      `sslmode=${unverified} does not verify whom it talks to; leave sslmode out, and set ` +
        'DATABASE_CA where no public authority signs the certificate',
    );
  }
  return { ssl: verified };
}
