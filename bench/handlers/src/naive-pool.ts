import { Pool, type QueryResult } from 'pg';

let pool: Pool | null = null;

/** Runs one statement on a pool of NAIVE_POOL_MAX connections. */
export function runNaively(text: string, values: unknown[]): Promise<QueryResult> {
  pool ??= openPool();
  return pool.query(text, values);
}

function openPool(): Pool {
  const opened = new Pool({
    connectionString: process.env.QUEST_MIRROR_DATABASE_URL,
    max: Number(process.env.NAIVE_POOL_MAX),
    // A project without the mirror has no watch on direct writes either.
    options: '-c mirror.writer=on',
  });
  // Unheard, an idle connection's error would end the process.
  opened.on('error', () => {});
  return opened;
}
