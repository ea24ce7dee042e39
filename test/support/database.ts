import { randomBytes } from 'node:crypto';
import { Client, Pool, type QueryResultRow } from 'pg';
import type { Statements } from '../../functions/src/postgres/statements';

/** How global-setup.ts tells the jest workers where the server is. */
export const SERVER_URL_VARIABLE = 'QUEST_TEST_SERVER_URL';
export const TEMPLATE_DATABASE = 'quest_template';

/** Any number will do, as long as everybody who clones uses the same. */
const CLONING_LOCK = 7_331_001;

export interface TestDatabase {
  url: string;
  /** For tests that need several connections or transactions. */
  pool: Pool;
  /** One statement's rows. */
  query<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** For the code under test. */
  statements: Statements;
  /** Closes the pool and removes the database, whoever is still connected. */
  drop(): Promise<void>;
}

/**
 * A database of one's own with all migrations applied.
 *
 * @param template another database that it is a copy of; nobody may be connected to that
 */
export async function cloneDatabase(template = TEMPLATE_DATABASE): Promise<TestDatabase> {
  const serverUrl = process.env[SERVER_URL_VARIABLE];
  if (!serverUrl) throw new Error(`${SERVER_URL_VARIABLE} is not set: run the tests with jest.`);
  const name = `quest_test_${randomBytes(6).toString('hex')}`;
  // Postgres refuses to copy a template that another session is just copying.
  await onServer(serverUrl, async (client) => {
    await client.query('select pg_advisory_lock($1)', [CLONING_LOCK]);
    // Its files are copied: through the WAL a clone takes Postgres three times the CPU.
    await client.query(`create database ${name} template ${template} strategy file_copy`);
  });
  const url = urlOfDatabase(serverUrl, name);
  const pool = new Pool({ connectionString: url, max: 10, application_name: 'quest-test' });
  // An idle connection that a test kills is reported here; unheard, it ends the process.
  pool.on('error', () => {});
  return {
    url,
    pool,
    query: async <Row extends QueryResultRow>(text: string, values: unknown[] = []) => {
      const { rows } = await pool.query<Row>(text, values);
      return rows;
    },
    statements: { run: async (text, values) => (await pool.query(text, values)).rows },
    drop: async () => {
      await pool.end();
      await onServer(serverUrl, (client) => client.query(`drop database ${name} with (force)`));
    },
  };
}

/** The same server and credentials, another database. */
export function urlOfDatabase(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

async function onServer(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
