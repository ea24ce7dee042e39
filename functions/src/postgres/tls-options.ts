import type { ClientConfig } from 'pg';
import { ConfigurationError } from '../errors/configuration-error';

const THIS_MACHINE = ['localhost', '127.0.0.1', '::1'];

/** What libpq's modes ask for; `allow` and `prefer` take what they get, encrypted or not. */
const VERIFYING_MODES = ['require', 'verify-ca', 'verify-full'];
const LENIENT_MODES = ['allow', 'prefer'];
const UNVERIFIED_MODES = ['disable', 'no-verify'];
const MODES = [...VERIFYING_MODES, ...LENIENT_MODES, ...UNVERIFIED_MODES];

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
export function tlsOptions(
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
