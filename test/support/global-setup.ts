import { join } from 'node:path';
import { Client } from 'pg';
import { applyMigrations } from '../../cli/migrate/apply-migrations';
import { type LocalPostgres, startPostgres } from '../../local/embedded-postgres';
import { SERVER_URL_VARIABLE, TEMPLATE_DATABASE, urlOfDatabase } from './database';

declare global {
  var questTestPostgres: LocalPostgres | undefined;
}

/** One server for the whole run, with the migrated template that each test file clones. */
export default async function globalSetup(): Promise<void> {
  const serverUrl = process.env.DATABASE_URL || (await startOwnServer());
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(`drop database if exists ${TEMPLATE_DATABASE} with (force)`);
    await client.query(`create database ${TEMPLATE_DATABASE}`);
  } finally {
    await client.end();
  }
  await applyMigrations({
    databaseUrl: urlOfDatabase(serverUrl, TEMPLATE_DATABASE),
    directory: join(__dirname, '..', '..', 'migrations'),
  });
  process.env[SERVER_URL_VARIABLE] = serverUrl;
}

async function startOwnServer(): Promise<string> {
  const server = await startPostgres({ settings: { max_connections: '200' } });
  globalThis.questTestPostgres = server;
  return server.url;
}
