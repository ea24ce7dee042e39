import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigurationError } from '../../errors/mirror-error';
import { migrationFolders } from '../folders';
import { MigrationError } from './migration-error';

export interface MigrationFile {
  /** The file's name, `YYYYMMDDHHMMSS_name.sql`; sorted as text it is the order. */
  name: string;
  sql: string;
  /** sha256 of the text, hex. */
  checksum: string;
  /** False for a file that says "-- migrate: no transaction" before its first statement. */
  transactional: boolean;
}

// The Supabase CLI's naming, so that it can push the same folder.
const FILE_NAME = /^\d{14}_[a-z0-9_]+\.sql$/;
const VERSION_LENGTH = 14;
const NO_TRANSACTION = /^\s*--\s*migrate:\s*no transaction\s*$/m;
// A block of PL/pgSQL says `begin` too, but without the semicolon.
const TRANSACTION_CONTROL = /^\s*(begin|start\s+transaction|commit|rollback)\b[a-z ]*;/im;

/**
 * All that `migrate` applies, folder by folder in their order: the package's, then the project's own.
 *
 * @param folder the working folder
 */
export function readMigrations(folder: string): Promise<MigrationFile[][]> {
  return Promise.all(migrationFolders(folder).map(readMigrationFiles));
}

/** The folder's migrations in order. A .sql file that is not one is an error, never skipped. */
export async function readMigrationFiles(directory: string): Promise<MigrationFile[]> {
  const names = (await listDirectory(directory)).filter((name) => /\.sql$/i.test(name)).sort();
  if (names.length === 0) throw new ConfigurationError(`No .sql files in ${directory}.`);
  names.forEach((name, index) => {
    if (!FILE_NAME.test(name)) {
      throw new MigrationError(`${name}: a migration is named YYYYMMDDHHMMSS_lower_case_name.sql.`);
    }
    const previous = names[index - 1];
    if (previous?.slice(0, VERSION_LENGTH) === name.slice(0, VERSION_LENGTH)) {
      throw new MigrationError(`${previous} and ${name} have the same timestamp.`);
    }
  });
  return Promise.all(names.map((name) => readMigrationFile(directory, name)));
}

async function listDirectory(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    throw new ConfigurationError(`Cannot read the migrations in ${directory}.`, { cause: error });
  }
}

async function readMigrationFile(directory: string, name: string): Promise<MigrationFile> {
  const text = await readFile(join(directory, name), 'utf8');
  // What git or an editor on Windows adds is not a change to the migration.
  const sql = text.replace(/^\uFEFF/, '').replace(/\r\n/g, '\n');
  const transactional = !NO_TRANSACTION.test(leadingComments(sql));
  if (transactional && TRANSACTION_CONTROL.test(sql)) {
    throw new MigrationError(`${name}: the runner opens and ends the transaction`, {
      remedy: 'remove begin, commit and rollback',
    });
  }
  const checksum = createHash('sha256').update(sql).digest('hex');
  return { name, sql, checksum, transactional };
}

function leadingComments(sql: string): string {
  return /^([^\S\n]*(--.*)?\n)*/.exec(`${sql}\n`)?.[0] ?? '';
}
