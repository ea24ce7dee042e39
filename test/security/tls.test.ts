import { type AddressInfo, createServer } from 'node:net';
import { applyMigrations } from '../../functions/src/cli/migrate/apply-migrations';
import { connect } from '../../functions/src/cli/migrate/connect';
import { clientConfig } from '../../functions/src/postgres/client-config';
import { Connections } from '../../functions/src/postgres/connections';
import type { LocalPostgres } from '../../local/embedded-postgres';
import { MIGRATIONS } from '../integration/support/empty-database';
import { completionEvent, send } from '../support/cloud-event';
import { runCommand } from '../support/command';
import { startRuntime } from '../support/runtime';
import {
  type Certificate,
  certificateFor,
  resolvedToHere,
  startTlsPostgres,
} from '../support/tls-postgres';

/** Connections as the functions make them, to a real server whose certificate nobody vouches for. */

const HOST = 'db.quest.test';
const ENCRYPTED = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()';

let certificate: Certificate;
let stranger: Certificate;
let server: LocalPostgres;

beforeAll(async () => {
  [certificate, stranger] = await Promise.all([certificateFor(HOST), certificateFor(HOST)]);
  server = await startTlsPostgres(certificate);
});

afterAll(() => server.stop());

/** As an environment file holds it. */
const oneLine = (pem: string) => pem.trim().replaceAll(/\r?\n/g, '\\n');

/** The server's URL under another name. */
function urlAt(host: string, query = ''): string {
  const url = new URL(server.url);
  url.hostname = host;
  return `${url.href}${query}`;
}

async function ask(url: string, authority?: string): Promise<unknown[]> {
  const connections = new Connections(resolvedToHere(clientConfig(url, authority)), 1);
  try {
    return await connections.run(ENCRYPTED, []);
  } finally {
    await connections.close();
  }
}

describe.each([
  '',
  '?sslmode=require',
  '?sslmode=prefer',
  '?sslmode=allow',
  '?sslmode=verify-full',
])('a URL that ends in %j', (query) => {
  test('is encrypted, and the certificate is of the authority given', async () => {
    expect(await ask(urlAt(HOST, query), certificate.cert)).toEqual([{ ssl: true }]);
  });

  test('is refused without an authority that signed the certificate', async () => {
    await expect(ask(urlAt(HOST, query))).rejects.toThrow('self-signed certificate');
  });

  test('is refused where another authority vouches for the name', async () => {
    await expect(ask(urlAt(HOST, query), stranger.cert)).rejects.toThrow(/certificate/);
  });

  test('is refused where the certificate is of another host', async () => {
    const attempt = ask(urlAt('other.quest.test', query), certificate.cert);
    await expect(attempt).rejects.toThrow("does not match certificate's altnames");
  });
});

test('an address that the certificate does not name is refused', async () => {
  await expect(ask(urlAt('192.0.2.1'), certificate.cert)).rejects.toThrow('does not match');
});

test('whoever answers that there is no TLS gets neither name nor password', async () => {
  const received: Buffer[] = [];
  const listener = createServer((socket) => {
    socket.on('data', (bytes) => {
      received.push(bytes);
      socket.write('N');
    });
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  try {
    const attempt = ask(`postgres://user:pa55word@${HOST}:${port}/x?sslmode=prefer`);
    await expect(attempt).rejects.toThrow('does not support SSL');
    // An SSLRequest is eight bytes: its length and a number.
    expect(Buffer.concat(received)).toEqual(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
  } finally {
    await new Promise((resolve) => listener.close(resolve));
  }
});

describe('the command line', () => {
  test('migrates over TLS, verified by DATABASE_CA', async () => {
    const client = await connect(server.url, certificate.cert);
    expect((await client.query(ENCRYPTED)).rows).toEqual([{ ssl: true }]);
    await client.end();
    const env = { DATABASE_URL: server.url, DATABASE_CA: oneLine(certificate.cert) };
    expect(await runCommand(['migrate', '--dry-run'], env)).toMatchObject({ code: 0, errors: '' });
  });

  test.each([
    ['another authority', () => ({ url: server.url, ca: stranger.cert }), 'certificate'],
    ['sslmode=disable', () => ({ url: urlAt(HOST, '?sslmode=disable'), ca: '' }), 'disable'],
  ])('refuses to migrate with %s', async (_case, given, reason) => {
    const { url, ca } = given();
    const result = await runCommand(['migrate'], { DATABASE_URL: url, DATABASE_CA: oneLine(ca) });
    expect(result).toMatchObject({ code: 2, errors: expect.stringContaining(reason) });
    expect(result.errors).not.toContain(new URL(url).password);
  });
});

describe('the functions', () => {
  test('mirror over TLS with DATABASE_CA, and not at all with another', async () => {
    await applyMigrations({ databaseUrl: server.url, directory: MIGRATIONS });
    const [trusting, distrusting] = await Promise.all(
      [certificate, stranger].map(({ cert }) =>
        startRuntime({ databaseUrl: server.url, env: { DATABASE_CA: oneLine(cert) } }),
      ),
    );
    try {
      expect(await send(String(trusting?.url), completionEvent({ questId: 'q1' }))).toBe(204);
      expect(await send(String(distrusting?.url), completionEvent({ questId: 'q2' }))).toBe(500);
      const client = await connect(server.url);
      const { rows } = await client.query(
        `select s.ssl, (select array_agg(quest_id) from rtdb.quest_completions) as quests
         from pg_stat_ssl as s join pg_stat_activity as a using (pid)
         where a.application_name = 'quest-mirror'`,
      );
      await client.end();
      expect(rows).toEqual([{ ssl: true, quests: ['q1'] }]);
    } finally {
      await Promise.all([trusting?.stop(), distrusting?.stop()]);
    }
  });
});
