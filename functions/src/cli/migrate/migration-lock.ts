import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, DatabaseError } from 'pg';
import { z } from 'zod';
import { query, statementsOn } from '../../postgres/statements';
import { MigrationError } from './migration-error';

/**
 * Runs `work` in a transaction that holds the migration lock, and commits it. The lock is a row of the
 * runner's own table: an advisory lock could be held by any login. It belongs to the transaction, not
 * the session, so it holds through a transaction pooler too.
 */
export async function withMigrationLock<T>(
  client: Client,
  waitMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const deadline = Date.now() + waitMs;
  await ensureLock(client, deadline);
  while (!(await beginWithLock(client))) {
    if (Date.now() > deadline) {
      throw new MigrationError(`Another migration has held the lock for ${waitMs / 1000} s`, {
        remedy: 'try again',
      });
    }
    await pause();
  }
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    // Fails only where the connection is gone, which `error` says better.
    await client.query('rollback').catch(() => {});
    throw error;
  }
}

/**
 * Tries rather than waits: a waiting statement keeps a snapshot open, and `create index concurrently` in
 * the process that holds the lock would wait for that snapshot forever. Read committed for the same
 * reason, and to see what the previous holder committed.
 */
async function beginWithLock(client: Client): Promise<boolean> {
  await client.query('begin isolation level read committed');
  if ((await TAKE_LOCK.first(statementsOn(client))) !== null) return true;
  await client.query('rollback');
  return false;
}

/** Not `if not exists` alone: that needs the right to create even where nothing is created. */
const STATE = query({
  text: `
select
  to_regnamespace('mirror') is not null as has_schema,
  to_regclass('mirror.migration_lock') is not null as has_table
`,
  params: {},
  row: { hasSchema: z.boolean(), hasTable: z.boolean() },
});

const LOCK = query({
  text: 'select from mirror.migration_lock where is_only',
  params: {},
  row: {},
});

const TAKE_LOCK = query({
  text: 'select from mirror.migration_lock where is_only for update skip locked',
  params: {},
  row: {},
});

/** What several processes at once on a new database run into: each makes what another is making. */
const RACED = new Set(['23505', '42P06', '42P07', '40P01', 'XX000']);

/** Makes the lock's table and its row unless they are there. */
async function ensureLock(client: Client, deadline: number): Promise<void> {
  const statements = statementsOn(client);
  for (;;) {
    const { hasSchema, hasTable } = await STATE.one(statements);
    if (hasTable && (await LOCK.first(statements)) !== null) return;
    try {
      await client.query('begin');
      if (!hasSchema) await client.query('create schema mirror');
      if (!hasTable) await client.query(CREATE_TABLE);
      await client.query('insert into mirror.migration_lock default values on conflict do nothing');
      await client.query('commit');
    } catch (error) {
      await client.query('rollback').catch(() => {});
      const isRace = error instanceof DatabaseError && RACED.has(error.code ?? '');
      if (!isRace || Date.now() > deadline) throw error;
      await pause();
    }
  }
}

const CREATE_TABLE = `
create table mirror.migration_lock (
  is_only boolean not null default true,
  constraint migration_lock_pkey primary key (is_only),
  constraint migration_lock_is_one_row check (is_only)
);
alter table mirror.migration_lock enable row level security;`;

function pause(): Promise<void> {
  return sleep(50 + Math.random() * 100);
}
