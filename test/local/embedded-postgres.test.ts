import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { Client } from 'pg';
import { type LocalPostgres, startPostgres } from '../../local/embedded-postgres';
import { findFreePort } from '../../local/free-port';

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function firstValue(url: string, text: string): Promise<unknown> {
  const client = await connect(url);
  try {
    const { rows } = await client.query({ text, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

describe('the embedded Postgres', () => {
  let postgres: LocalPostgres;

  beforeAll(async () => {
    postgres = await startPostgres({ settings: { max_connections: '23' } });
  });
  afterAll(() => postgres.stop());

  test('answers queries in UTF-8, with the settings that were asked for', async () => {
    expect(await firstValue(postgres.url, 'show server_encoding')).toBe('UTF8');
    expect(await firstValue(postgres.url, 'show max_connections')).toBe('23');
    expect(await firstValue(postgres.url, "select 'ä' < 'z'")).toBe(false);
  });

  test('takes nobody without the password', async () => {
    const { port } = postgres;
    const url = `postgres://postgres:wrong@127.0.0.1:${port}/postgres`;
    await expect(firstValue(url, 'select 1')).rejects.toThrow('password authentication failed');
  });

  test('keeps what was committed through a crash, on the same port', async () => {
    const { port, url, pid } = postgres;
    const client = await connect(url);
    const lost = new Promise<void>((resolve) => client.once('end', resolve));
    await client.query('create table kept as select 42 as answer');
    await postgres.kill();
    await lost;
    await expect(connect(url)).rejects.toThrow('ECONNREFUSED');
    await postgres.start();
    expect(postgres.port).toBe(port);
    expect(postgres.pid).not.toBe(pid);
    expect(await firstValue(url, 'select answer from kept')).toBe(42);
  });

  test('removes its temporary data when it stops', async () => {
    const other = await startPostgres();
    const dataDir = String(await firstValue(other.url, 'show data_directory'));
    expect(existsSync(dataDir)).toBe(true);
    await other.stop();
    expect(existsSync(dataDir)).toBe(false);
    await expect(connect(other.url)).rejects.toThrow('ECONNREFUSED');
    await expect(other.start()).rejects.toThrow('data removed');
  });

  test('names a port that is in use', async () => {
    const port = await findFreePort();
    const occupant = createServer().listen(port, '127.0.0.1');
    try {
      await expect(startPostgres({ port })).rejects.toThrow(`Port ${port} is in use`);
    } finally {
      occupant.close();
    }
  });
});
