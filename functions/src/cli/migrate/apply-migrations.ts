import { Client, DatabaseError } from 'pg';
import { ConfigError } from '../../errors/usage-error';
import { clientConfig } from '../../postgres/client-config';
import { connectReasonInFull } from '../../postgres/connect-reason';
import { type MigrationFile, readMigrationFiles } from './migration-files';
import { withMigrationLock } from './migration-lock';
import { planMigrations } from './plan-migrations';
import { ensureHistory, readHistory, recordMigration } from './schema-migrations';
import { refuseOldServer } from './server-version';

export interface MigrationOptions {
  databaseUrl: string;
  /** `DATABASE_CA`. */
  authority?: string;
  directory: string;
  log?: (line: string) => void;
  /** Answer what would be applied, and change nothing. */
  dryRun?: boolean;
  /** How long to wait for another process's migration. Default: a minute. */
  lockWaitMs?: number;
}

export interface MigrationResult {
  /** Names of the files that this call applied (with dryRun: would apply), in order. */
  applied: string[];
  alreadyApplied: string[];
}

interface Run {
  client: Client;
  /** One more connection, for what can't run in a transaction. */
  connectBeside: () => Promise<Client>;
  files: MigrationFile[];
  log: (line: string) => void;
  lockWaitMs: number;
}

/**
 * Brings a database up to the folder's migrations: each file in a transaction of its own, under a
 * lock, recorded with its checksum. Safe to repeat, by several processes at once, and through a
 * transaction pooler.
 */
export async function applyMigrations(options: MigrationOptions): Promise<MigrationResult> {
  const { databaseUrl, authority, directory, log = () => {}, lockWaitMs = 60_000 } = options;
  const files = await readMigrationFiles(directory);
  const connectBeside = () => connect(databaseUrl, authority);
  const client = await connectBeside();
  client.on('notice', ({ severity, message }) => {
    if (severity === 'WARNING') log(`warning: ${message}`);
  });
  try {
    await refuseOldServer(client);
    const run = { client, connectBeside, files, log, lockWaitMs };
    const applied = options.dryRun ? await listPending(run) : await applyPending(run);
    const alreadyApplied = files.map(({ name }) => name).filter((name) => !applied.includes(name));
    return { applied, alreadyApplied };
  } finally {
    await client.end();
  }
}

async function listPending({ client, files, log }: Run): Promise<string[]> {
  const pending = planMigrations(files, await readHistory(client));
  for (const { name } of pending) log(`would apply ${name}`);
  return pending.map(({ name }) => name);
}

async function applyPending(run: Run): Promise<string[]> {
  const applied: string[] = [];
  for (;;) {
    // Planned afresh under each lock: another process may have applied some in between.
    const name = await withMigrationLock(run.client, run.lockWaitMs, () => applyNext(run));
    if (name === undefined) return applied;
    run.log(`applied ${name}`);
    applied.push(name);
  }
}

async function applyNext({ client, connectBeside, files }: Run): Promise<string | undefined> {
  await ensureHistory(client);
  const [file] = planMigrations(files, await readHistory(client));
  if (!file) return undefined;
  try {
    if (file.transactional) await client.query(file.sql);
    else await runBesideLock(client, connectBeside, file);
  } catch (error) {
    throw migrationFailure(file, error);
  }
  await recordMigration(client, file);
  return file.name;
}

/**
 * What refuses to run in a transaction runs on a second connection, while the first holds the lock
 * in an open one. Crashing in between leaves the file unrecorded, so it will run once more.
 */
async function runBesideLock(
  lockHolder: Client,
  connectBeside: Run['connectBeside'],
  file: MigrationFile,
): Promise<void> {
  await lockHolder.query('set local idle_in_transaction_session_timeout = 0');
  const client = await connectBeside();
  try {
    await client.query(file.sql);
  } finally {
    await client.end();
  }
}

/** One line: file and line, SQLSTATE, what Postgres says. */
function migrationFailure(file: MigrationFile, error: unknown): Error {
  if (!(error instanceof DatabaseError)) {
    const message = error instanceof Error ? error.message : String(error);
    return new Error(`${file.name}: ${message}`, { cause: error });
  }
  const parts = [
    `${file.name}${lineOf(file.sql, error.position)}: SQLSTATE ${error.code}: ${error.message}`,
    // Inside a DO block Postgres gives no position, but says where.
    error.position ? undefined : error.where?.split('\n')[0],
    error.hint && `hint: ${error.hint}`,
    !file.transactional &&
      'a failed "create index concurrently" may leave an invalid index to drop',
  ];
  return new Error(parts.filter(Boolean).join('; '), { cause: error });
}

/** Postgres counts characters from 1, JavaScript UTF-16 units. */
function lineOf(sql: string, position: string | undefined): string {
  if (!position) return '';
  const before = Array.from(sql).slice(0, Number(position) - 1);
  return `:${before.filter((character) => character === '\n').length + 1}`;
}

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * One connection, encrypted and verified as the functions' are; or one clear line about why not. Neither
 * shows the URL, which has a password.
 *
 * @param authority certificates (PEM) that sign the server's: `DATABASE_CA`, read
 * @throws ConfigurationError without any part of the URL
 */
export async function connect(databaseUrl: string, authority?: string): Promise<Client> {
  const { host, port, user, password, database, ssl } = clientConfig(databaseUrl, authority);
  // Without the functions' limit on a statement: a migration may take its time.
  const client = new Client({
    ...{ host, port, user, password, database, ssl },
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  // A connection that breaks between two statements is reported here; unheard, it ends the process.
  // The next statement fails, and says so.
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw new ConfigError(
      `Cannot connect to Postgres at ${host}:${port}: ${connectReasonInFull(error)}.`,
      { cause: error },
    );
  }
}
