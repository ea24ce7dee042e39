import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';

/** Any number will do, as long as every version of this runner uses the same. */
const MIGRATION_LOCK = 20_261_122_000_001;

/**
 * Runs `work` in a transaction that holds the migration lock, and commits it. The lock belongs to
 * the transaction, not the session, so it holds through a transaction pooler too.
 */
export async function withMigrationLock<T>(
  client: Client,
  waitMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const deadline = Date.now() + waitMs;
  while (!(await beginWithLock(client))) {
    if (Date.now() > deadline) {
      throw new Error(`Another migration has held the lock for ${waitMs / 1000} s; try again.`);
    }
    await sleep(50 + Math.random() * 100);
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
 * Tries rather than waits: a waiting statement keeps a snapshot open, and `create index
 * concurrently` in the process that holds the lock would wait for that snapshot for ever.
 * Read committed for the same reason, and to see what the previous holder committed.
 */
async function beginWithLock(client: Client): Promise<boolean> {
  await client.query('begin isolation level read committed');
  const { rows } = await client.query<{ locked: boolean }>(
    'select pg_try_advisory_xact_lock($1) as locked',
    [MIGRATION_LOCK],
  );
  if (rows[0]?.locked) return true;
  await client.query('rollback');
  return false;
}
