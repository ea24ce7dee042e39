import { MirrorError } from '../errors/mirror-error';

/** No connection to Postgres could be made: it is away, or refuses us. */
export class ConnectError extends MirrorError {
  override name = 'ConnectError';

  constructor(problem: string, cause: unknown) {
    super(problem, { code: 'POSTGRES_UNREACHABLE', cause });
  }
}

const BY_CODE: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'nothing listens there'],
  ['ECONNRESET', 'the connection was cut'],
  ['EPIPE', 'the connection was cut'],
  ['ENOTFOUND', "the host's name is unknown"],
  ['EAI_AGAIN', "the host's name could not be looked up"],
  ['ETIMEDOUT', 'no answer'],
  ['EHOSTUNREACH', 'the host is out of reach'],
  ['ENETUNREACH', 'the network is out of reach'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', "Hostname/IP does not match certificate's altnames"],
  ['28P01', 'the password was refused'],
  ['28000', 'the login was refused'],
  ['3D000', 'the database does not exist'],
  ['53300', 'too many connections'],
  ['57P03', 'it is starting or shutting down'],
]);

/** For logs: without host, database, user or password. */
export function connectError(cause: unknown): ConnectError {
  return new ConnectError(`no connection to Postgres: ${connectReason(cause)}`, cause);
}

/** For a terminal: with host:port, and the server's own words, which may name the user and the database. */
export function connectErrorInFull(address: string, cause: unknown): ConnectError {
  const reason = reasonOf(cause, (_code, message) => message.replace(/\.$/, ''));
  return new ConnectError(`Cannot connect to Postgres at ${address}: ${reason}.`, cause);
}

/** Why no connection could be made, for a log. */
export function connectReason(error: unknown): string {
  return reasonOf(error, (code) => {
    const words = BY_CODE.get(code);
    return words === undefined ? `SQLSTATE ${code}` : `${words} (SQLSTATE ${code})`;
  });
}

function reasonOf(error: unknown, ofServer: (sqlstate: string, message: string) => string): string {
  if (error instanceof ConnectError) return reasonOf(error.cause, ofServer);
  if (typeof error !== 'object' || error === null) return 'unknown';
  // A host with several addresses fails once for each, under an empty message.
  if ('errors' in error && Array.isArray(error.errors) && error.errors.length > 0) {
    return [...new Set(error.errors.map((one) => reasonOf(one, ofServer)))].join('; ');
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const message = 'message' in error && typeof error.message === 'string' ? error.message : '';
  // Not by its class: the command line and the functions have a copy of pg each.
  if ('severity' in error) return ofServer(code, message);
  const words = BY_CODE.get(code);
  if (words !== undefined) return `${words} (${code})`;
  // A system error's message names the address, one of Node's own its argument; those of pg and
  // OpenSSL are constant.
  const namesInput = 'syscall' in error || code.startsWith('ERR_') || message === '';
  return namesInput ? code || 'unknown' : (message.split('\n')[0] ?? '').replace(/\.$/, '');
}
