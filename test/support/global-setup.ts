import { join } from 'node:path';
import { Client } from 'pg';
import { applyMigrations } from '../../functions/src/cli/migrate/apply-migrations';
import { type LocalPostgres, makeCluster } from '../../local/embedded-postgres';
import { SERVER_URL_VARIABLE, TEMPLATE_DATABASE, urlOfDatabase } from './database';
import { CLUSTER_VARIABLE, startOwnServer } from './own-server';

declare global {
  var questTestPostgres: LocalPostgres | undefined;
}

/** One server for the whole run, with the migrated template that each test file clones. */
export default async function globalSetup(): Promise<void> {
  // `cp` is what Windows lacks; there each server makes its own.
  if (process.platform !== 'win32') process.env[CLUSTER_VARIABLE] = await makeCluster();
  const serverUrl = process.env.DATABASE_URL || (await startServer());
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

async function startServer(): Promise<string> {
  const server = await startOwnServer({ max_connections: '200' });
  globalThis.questTestPostgres = server;
  return server.url;
}
