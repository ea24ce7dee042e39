import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { z } from 'zod';
import { clientConfig } from '../functions/src/postgres/client-config';
import { connectErrorInFull } from '../functions/src/postgres/connect-error';

/** Tables and views of anybody but Postgres itself. */
const RELATIONS = `
select count(*)::integer as count
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f')
  and n.nspname not like 'pg\\_%'
  and n.nspname <> 'information_schema'
`;

/** A new database on that server; answers its URL. */
export async function createDatabase(serverUrl: string): Promise<string> {
  const name = `quest_simulation_${randomBytes(6).toString('hex')}`;
  await withClient(serverUrl, (client) => client.query(`create database ${name}`));
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/**
 * Whether the database holds no table and no view: nothing that a simulation could spoil.
 *
 * @throws ConnectError where it can't be reached
 */
export async function isEmptyDatabase(url: string): Promise<boolean> {
  const { rows } = await withClient(url, (client) => client.query(RELATIONS));
  return z.array(z.object({ count: z.number() })).parse(rows)[0]?.count === 0;
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(clientConfig(url));
  // A connection that breaks between two statements is reported here; the next statement says so.
  client.on('error', () => {});
  try {
    await client.connect().catch((error: unknown) => {
      throw connectErrorInFull(`${client.host}:${client.port}`, error);
    });
    return await work(client);
  } finally {
    await client.end();
  }
}
