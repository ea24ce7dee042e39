import { X509Certificate } from 'node:crypto';
import { generate } from 'selfsigned';
import { read } from '../../functions/src/deploy/settings';
import { parseAuthority } from '../../functions/src/postgres/certificate-authority';
import { type Certificate, certificateFor } from '../support/tls-postgres';

const EXPECTED = 'DATABASE_CA is not usable: expected the certificate itself, not a path';
const DAY_MS = 86_400_000;

let one: Certificate;
let other: Certificate;

beforeAll(async () => {
  one = await certificateFor('a.example.com');
  other = await certificateFor('b.example.com');
});

const subjects = (pem: string) =>
  (pem.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----\n/g) ?? []).map(
    (block) => new X509Certificate(block).subject,
  );

const authority = (text: string) => read({ DATABASE_CA: text }, 'DATABASE_CA') ?? '';

const A = 'CN=a.example.com';
const B = 'CN=b.example.com';

test.each<[string, () => string, string[]]>([
  ['one, as the file has it', () => one.cert, [A]],
  ['one on one line, as an environment file has it', () => one.cert.replace(/\r?\n/g, '\\n'), [A]],
  ['one whose line ends are \\r\\n', () => one.cert.replace(/\r?\n/g, '\\r\\n'), [A]],
  ["Windows' line ends", () => one.cert.replace(/\r?\n/g, '\r\n'), [A]],
  ['line ends of old Macs', () => one.cert.replace(/\r?\n/g, '\r'), [A]],
  ['a byte order mark and spaces around it', () => `\ufeff ${one.cert} \n`, [A]],
  ['quotes around it', () => `"${one.cert}"`, [A]],
  ['a chain', () => `${one.cert}\n${other.cert}`, [A, B]],
  ['a chain on one line', () => `${one.cert}${other.cert}`.replace(/\r?\n/g, '\\n'), [A, B]],
  ['what openssl writes before it', () => `Certificate:\n  Data: x\n${one.cert}`, [A]],
])('reads %s', (_case, text, expected) => {
  expect(subjects(authority(text()))).toEqual(expected);
});

test.each<[string, () => string, string]>([
  ['a path', () => '/etc/ssl/SECRET.pem', EXPECTED],
  ['a relative path', () => './SECRET.crt', EXPECTED],
  ['line ends that are escaped twice', () => one.cert.replace(/\r?\n/g, '\\\\n'), 'escaped more'],
  ['no line ends', () => one.cert.replace(/\r?\n/g, ''), 'was it cut off?'],
  ['base64 of DER', () => new X509Certificate(one.cert).raw.toString('base64'), EXPECTED],
  ['a certificate that was cut off', () => one.cert.slice(0, 400), EXPECTED],
  ['a chain whose second was cut off', () => one.cert + other.cert.slice(0, 400), EXPECTED],
  ['lines that are missing', () => one.cert.replace(/\n.{64}\n/, '\n'), 'was it cut off?'],
  ['a private key', () => one.private, 'it holds a private key'],
  ['a private key beside it', () => one.cert + one.private, 'it holds a private key'],
  ['a private key that was cut off', () => one.private.slice(0, 300), 'it holds a private key'],
  ['a public key', () => new X509Certificate(one.cert).publicKey.export(SPKI).toString(), EXPECTED],
])('%s is refused by name, without a part of it', (_case, text, message) => {
  const value = text();
  const attempt = () => authority(value);
  expect(attempt).toThrow(message);
  expect(attempt).toThrow('DATABASE_CA is not usable: ');
  const parts = value.match(/[A-Za-z0-9+/]{20,}|SECRET/g) ?? [];
  for (const part of parts) expect(attempt).not.toThrow(part);
});

const SPKI = { type: 'spki', format: 'pem' } as const;

/** Valid for a day, so many days from now. */
async function daysFromNow(days: number, name: string): Promise<string> {
  const notBeforeDate = new Date(Date.now() + (days - 0.5) * DAY_MS);
  const notAfterDate = new Date(Date.now() + (days + 0.5) * DAY_MS);
  const options = { keySize: 2048, notBeforeDate, notAfterDate };
  return (await generate([{ name: 'commonName', value: name }], options)).cert;
}

test('one that has expired is refused with the day; beside a valid one it is left out', async () => {
  const expired = await daysFromNow(-10, 'old.example.com');
  expect(() => authority(expired)).toThrow(/DATABASE_CA is not usable: .* expired on \d{4}-/);
  expect(subjects(authority(expired + one.cert))).toEqual([A]);
});

test('one that is not valid yet is refused', async () => {
  const early = await daysFromNow(10, 'new.example.com');
  expect(() => authority(early)).toThrow('not valid yet');
  expect(subjects(parseAuthority(early, Date.now() + 10 * DAY_MS))).toEqual(['CN=new.example.com']);
});

test('nothing is none', () => {
  expect(read({ DATABASE_CA: ' \n' }, 'DATABASE_CA')).toBeUndefined();
});
