import type { Client } from 'pg';
import { connect } from './connect';
import { migrationFailure } from './migration-error';
import { type MigrationFile, readMigrationFiles } from './migration-files';
import { withMigrationLock } from './migration-lock';
import { planMigrations } from './plan-migrations';
import { ensureHistory, readHistory, recordMigration } from './schema-migrations';
import { refuseOldServer } from './server-version';

export interface MigrationOptions {
  databaseUrl: string;
  /** `DATABASE_CA`. */
  authority?: string;
  /** The folder of the migrations; or several, each with a history of its own, in their order. */
  directory: string | readonly string[];
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
  folders: MigrationFile[][];
  log: (line: string) => void;
  lockWaitMs: number;
}

/**
 * Brings a database up to the migrations of the folders: each file in a transaction of its own, under a
 * lock, recorded with its checksum. Safe to repeat, by several processes at once, and through a
 * transaction pooler.
 */
export async function applyMigrations(options: MigrationOptions): Promise<MigrationResult> {
  const { databaseUrl, authority, directory, log = () => {}, lockWaitMs = 60_000 } = options;
  const folders = await Promise.all([directory].flat().map(readMigrationFiles));
  const connectBeside = () => connect(databaseUrl, authority);
  const client = await connectBeside();
  client.on('notice', ({ severity, message }) => {
    if (severity === 'WARNING') log(`warning: ${message}`);
  });
  try {
    await refuseOldServer(client);
    const run = { client, connectBeside, folders, log, lockWaitMs };
    const applied = options.dryRun ? await listPending(run) : await applyPending(run);
    const names = folders.flat().map(({ name }) => name);
    const alreadyApplied = names.filter((name) => !applied.includes(name));
    return { applied, alreadyApplied };
  } finally {
    await client.end();
  }
}

async function listPending({ client, folders, log }: Run): Promise<string[]> {
  const pending = planMigrations(folders, await readHistory(client));
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

async function applyNext({ client, connectBeside, folders }: Run): Promise<string | undefined> {
  await ensureHistory(client);
  const [file] = planMigrations(folders, await readHistory(client));
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
