import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type QueryResultRow } from 'pg';
import { SERVER_URL_VARIABLE, urlOfDatabase } from '../../support/database';

export const MIGRATIONS = join(__dirname, '..', '..', '..', 'migrations');

/** One statement on a connection of its own. */
export async function queryOnce<Row extends QueryResultRow>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Row>(text, values);
    return rows;
  } finally {
    await client.end();
  }
}

/** A database without any migration, on the run's server or another. */
export async function emptyDatabase(
  serverUrl = process.env[SERVER_URL_VARIABLE],
): Promise<{ url: string; drop: () => Promise<void> }> {
  if (!serverUrl) throw new Error(`${SERVER_URL_VARIABLE} is not set: run the tests with jest.`);
  const name = `quest_empty_${randomBytes(6).toString('hex')}`;
  await queryOnce(serverUrl, `create database ${name} template template0`);
  return {
    url: urlOfDatabase(serverUrl, name),
    drop: async () => {
      await queryOnce(serverUrl, `drop database ${name} with (force)`);
    },
  };
}

/** A temporary folder with these files. */
export async function folderWith(
  files: Record<string, string>,
): Promise<{ path: string; write: typeof writeFiles; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'quest-mirror-migrations-'));
  await writeFiles(path, files);
  return { path, write: writeFiles, remove: () => rm(path, { recursive: true, force: true }) };
}

async function writeFiles(path: string, files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
}
