import { chownSync, statSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { Client, type ClientConfig } from 'pg';
import { generate } from 'selfsigned';
import type { LocalPostgres } from '../../local/embedded-postgres';
import { eventually } from './eventually';
import { startOwnServer } from './own-server';

/** A certificate that signs itself, so it is its own authority. */
export interface Certificate {
  cert: string;
  private: string;
}

/** For this host name, and for 127.0.0.1. */
export async function certificateFor(host: string): Promise<Certificate> {
  const altNames = [
    { type: 2 as const, value: host },
    { type: 7 as const, ip: '127.0.0.1' },
  ];
  return generate([{ name: 'commonName', value: host }], {
    keySize: 2048,
    extensions: [{ name: 'subjectAltName', altNames }],
  });
}

/** A real server that speaks TLS with this certificate. */
export async function startTlsPostgres(certificate: Certificate): Promise<LocalPostgres> {
  const server = await startOwnServer();
  const client = new Client({ connectionString: server.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ directory: string }>(
      `select setting as directory from pg_settings where name = 'data_directory'`,
    );
    const directory = rows[0]?.directory ?? '';
    const { uid, gid } = statSync(directory);
    for (const [name, pem] of Object.entries({
      'server.crt': certificate.cert,
      'server.key': certificate.private,
    })) {
      writeFileSync(join(directory, name), pem, { mode: 0o600 });
      chownSync(join(directory, name), uid, gid);
    }
    await client.query('alter system set ssl = on');
    await client.query('select pg_reload_conf()');
    const isOn = async () =>
      (await client.query<{ ssl: string }>('show ssl')).rows[0]?.ssl === 'on';
    await eventually(isOn, { describe: 'the server to take its certificate' });
    return server;
  } finally {
    await client.end();
  }
}

/** The same connection, but its host's name leads to this machine; the certificate is for the name. */
export function resolvedToHere(config: ClientConfig): ClientConfig {
  return { ...config, stream: () => new SocketToHere() };
}

class SocketToHere extends Socket {
  override connect(...args: unknown[]): this {
    return super.connect(Number(args[0]), '127.0.0.1');
  }
}
