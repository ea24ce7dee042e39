import { X509Certificate } from 'node:crypto';
import { ConfigurationError } from '../errors/mirror-error';

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;
const BEGIN = /-----BEGIN /g;
const CERTIFICATES = ['CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE'];

/**
 * Reads the certificates of an authority: one or a chain, on lines of any kind or on one line with `\n`
 * for its line ends, as an environment file holds it. Left to TLS, whatever can't be read is skipped
 * without a word, and the server's certificate is said to be self-signed.
 *
 * @returns PEM of those that are valid at this time
 * @throws ConfigurationError without any part of the text
 */
export function parseAuthority(text: string, nowMs = Date.now()): string {
  if (/\\\\+[nr]/.test(text)) {
    throw new ConfigurationError('its line ends are escaped more than once; expected \\n');
  }
  const pem = text.replaceAll('\\r', '').replaceAll('\\n', '\n').replace(/\r\n?/g, '\n');
  const blocks = [...pem.matchAll(BLOCK)];
  const types = blocks.map(([, type = '']) => type);
  if (types.some((type) => type.endsWith('PRIVATE KEY')) || /BEGIN [A-Z ]*PRIVATE KEY/.test(pem)) {
    throw new ConfigurationError('it holds a private key; expected the certificate alone');
  }
  const isWhole = blocks.length > 0 && blocks.length === (pem.match(BEGIN) ?? []).length;
  if (!isWhole || types.some((type) => !CERTIFICATES.includes(type))) {
    throw new ConfigurationError(
      'expected the certificate itself, not a path: PEM, from -----BEGIN CERTIFICATE----- ' +
        'to -----END CERTIFICATE-----',
    );
  }
  const certificates = blocks.map(([block]) => certificateOf(block));
  const valid = certificates.filter(
    ({ validFrom, validTo }) => Date.parse(validFrom) <= nowMs && nowMs <= Date.parse(validTo),
  );
  if (valid.length === 0) throw new ConfigurationError(notValid(certificates, nowMs));
  return valid.map(String).join('');
}

function certificateOf(block: string): X509Certificate {
  try {
    return new X509Certificate(block);
  } catch {
    // No cause is attached: it may carry its input.
    throw new ConfigurationError("its certificate can't be read: was it cut off?");
  }
}

function notValid(certificates: readonly X509Certificate[], nowMs: number): string {
  const lastTo = Math.max(...certificates.map(({ validTo }) => Date.parse(validTo)));
  const day = new Date(lastTo).toISOString().slice(0, 10);
  return lastTo < nowMs
    ? `its certificate expired on ${day}: expected the present one`
    : 'its certificate is not valid yet: expected the present one';
}
