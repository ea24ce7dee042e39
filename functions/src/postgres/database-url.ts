import { isIPv6 } from 'node:net';
import { ConfigurationError } from '../errors/mirror-error';
import { settingText } from '../values/setting-text';

/** What a Postgres connection string says, decoded. */
export interface DatabaseUrl {
  user: string;
  /** Null where it names none. */
  password: string | null;
  /** Without the brackets of an IPv6 address. */
  host: string;
  port: number;
  database: string;
  parameters: URLSearchParams;
}

const DEFAULT_PORT = 5432;

/**
 * The whole grammar. An `@`, `/`, `?` or `#` that stands where it separates nothing is a character of the
 * password that wasn't encoded: libpq, WHATWG's URL and pg each take another part for the host then, and
 * ask DNS for it. So only what all of them read alike gets through: test/unit/database-url.test.ts.
 */
const GRAMMAR = new RegExp(
  [
    '^postgres(?:ql)?://',
    '(?<user>[^:@/?#]+)(?::(?<password>[^@/?#]*))?@',
    '(?<host>\\[[0-9a-f:.]+\\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_.])?)(?::(?<port>[0-9]{1,5}))?',
    '/(?<database>[^@/?#]+)',
    '(?:\\?(?<parameters>[^@#]*))?$',
  ].join(''),
  'i',
);

const EXPECTED =
  'expected postgres://user:password@host:port/database; ' +
  'special characters in the password must be percent-encoded';

const QUOTES = /^["'`\u2018\u201c]|["'`\u2019\u201d]$/;
const PLACEHOLDER = '[YOUR-PASSWORD]';

/** What in a connection string would name another server or login, or overrule how the host is checked. */
const REFUSED_PARAMETERS = [
  ...['host', 'hostaddr', 'port', 'user', 'password', 'passfile', 'dbname', 'database', 'service'],
  ...['ssl', 'sslcert', 'sslkey', 'sslpassword', 'sslrootcert', 'sslcrl', 'sslcrldir'],
  ...['sslnegotiation', 'requiressl', 'uselibpqcompat'],
];

/**
 * Reads a Postgres connection string; nothing is left for the environment (`PGPORT`, `PGUSER`) to decide.
 *
 * @throws ConfigurationError without any part of the string
 */
export function parseDatabaseUrl(text: string): DatabaseUrl {
  const url = settingText(text);
  if (QUOTES.test(url)) throw new ConfigurationError('expected no quotes around it');
  // \s and controls: URL parsers drop some of them, so that two texts would be one.
  const parts = /[\s\p{Cc}\p{Cf}]/u.test(url) ? null : GRAMMAR.exec(url)?.groups;
  if (!parts) throw new ConfigurationError(EXPECTED);
  const host = (parts.host ?? '').replace(/^\[(.*)\]$/, '$1');
  const port = parts.port === undefined ? DEFAULT_PORT : Number(parts.port);
  if (port < 1 || port > 65_535 || (host.includes(':') && !isIPv6(host))) {
    throw new ConfigurationError(EXPECTED);
  }
  if (parts.password === PLACEHOLDER) {
    throw new ConfigurationError(`${PLACEHOLDER} stands where the password belongs`);
  }
  const password = parts.password ? decoded(parts.password) : null;
  const [user, database] = [decoded(parts.user), decoded(parts.database)];
  const parameters = parametersOf(parts.parameters ?? '');
  return { user, password, host: host.toLowerCase(), port, database, parameters };
}

function decoded(text = ''): string {
  let value: string;
  try {
    value = decodeURIComponent(text);
  } catch {
    // No cause is attached: it carries its input.
    throw new ConfigurationError(EXPECTED);
  }
  // The protocol ends a text at NUL: what follows would be settings of the session.
  if (/\p{Cc}/u.test(value)) throw new ConfigurationError(EXPECTED);
  return value;
}

function parametersOf(text: string): URLSearchParams {
  decoded(text);
  const parameters = new URLSearchParams(text);
  const refused = REFUSED_PARAMETERS.find((name) => parameters.has(name));
  if (refused) throw new ConfigurationError(`it must not have ?${refused}=`);
  return parameters;
}
