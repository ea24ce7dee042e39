import { ConfigurationError } from '../errors/configuration-error';
import { ConfigError, UsageError } from '../errors/usage-error';
import { sqlstateOf } from '../postgres/sqlstate';
import { RtdbReadError } from '../rtdb/rtdb-client';
import { printable } from './printable';

const HINTS: ReadonlyMap<string, string> = new Map([
  ['42P01', "the mirror's tables are not there: run `npm run mirror -- migrate`"],
  ['3F000', "the mirror's tables are not there: run `npm run mirror -- migrate`"],
  ['42883', "the mirror's functions are older than this checkout: run `npm run mirror -- migrate`"],
  ['42703', "the mirror's tables are older than this checkout: run `npm run mirror -- migrate`"],
  ['42501', "this login may not read the mirror's tables: make it a member of quest_mirror_writer"],
]);

/** One line already. */
const CLEAR = [UsageError, ConfigError, ConfigurationError, RtdbReadError];

/**
 * For verbs whose exit code 1 is an answer: whatever goes wrong while they read is none, so it
 * becomes a ConfigError (exit code 2) of one line.
 */
export async function readStores<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isClear = CLEAR.some((kind) => error instanceof kind);
    throw isClear ? error : new ConfigError(`Can't tell: ${reasonOf(error)}.`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const line = printable(message.split('\n')[0] ?? '').replace(/\.$/, '');
  const sqlstate = sqlstateOf(error);
  if (sqlstate === null) return line;
  return HINTS.get(sqlstate) ?? `Postgres answered SQLSTATE ${sqlstate}: ${line}`;
}
