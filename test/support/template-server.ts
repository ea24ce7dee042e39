import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { applyMigrations } from '../../functions/src/cli/migrate/apply-migrations';
import { makeCluster } from '../../local/embedded-postgres';
import { watchOver } from '../../local/watch-over';
import { SERVER_URL_VARIABLE, TEMPLATE_DATABASE, urlOfDatabase } from './database';
import { BIN_FOLDER_VARIABLE, CLUSTER_VARIABLE, startOwnServer } from './own-server';

export interface TemplateServer {
  /** How the tests hear of it: for their process's environment. */
  env: Record<string, string>;
  /** Ends it and removes its files; a server that was there before is left alone. */
  stop(): Promise<void>;
}

interface TemplateServerOptions {
  /** A server that is there already, to use instead of one of our own. */
  url?: string | undefined;
  /** Default: the programs that npm installed. */
  binFolder?: string;
}

/** One server for the whole run, with the migrated template that each test file clones. */
export async function startTemplateServer(options: TemplateServerOptions): Promise<TemplateServer> {
  const env: Record<string, string> = {};
  if (options.binFolder) env[BIN_FOLDER_VARIABLE] = options.binFolder;
  // `cp` is what Windows lacks; there each server makes its own.
  const cluster = process.platform === 'win32' ? null : await makeCluster(options.binFolder);
  if (cluster) env[CLUSTER_VARIABLE] = cluster;
  const watchdog = watchOver();
  watchdog.watch({ pids: [], signal: 'SIGINT', remove: cluster ? [cluster] : [] });
  const server = options.url ? null : await startOwnServer({ max_connections: '200' }, env);
  const stop = async (): Promise<void> => {
    await server?.stop();
    if (cluster) rmSync(cluster, { recursive: true, force: true });
    watchdog.release();
  };
  const url = server?.url ?? options.url ?? '';
  try {
    await makeTemplate(url);
  } catch (error) {
    await stop();
    throw error;
  }
  return { env: { ...env, [SERVER_URL_VARIABLE]: url }, stop };
}

async function makeTemplate(serverUrl: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(`drop database if exists ${TEMPLATE_DATABASE} with (force)`);
    await client.query(`create database ${TEMPLATE_DATABASE}`);
  } finally {
    await client.end();
  }
  const databaseUrl = urlOfDatabase(serverUrl, TEMPLATE_DATABASE);
  await applyMigrations({ databaseUrl, directory: join(__dirname, '..', '..', 'migrations') });
  // Tests begin with mirroring on. That it begins off has tests of its own.
  const template = new Client({ connectionString: databaseUrl });
  await template.connect();
  try {
    await template.query('truncate mirror.coverage restart identity');
  } finally {
    await template.end();
  }
}
