import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { DivergenceRow, MirroredRow } from './mirror-view';
import { databaseNow, divergencesIn, rowsIn } from './mirror-view';
import { shorten, shortenRef } from './table';

const INTERVAL_MS = 500;

/** Prints what Postgres takes from now on, a line each, until it is told to end. */
export async function followMirror(
  pool: Pool,
  print: (line: string) => void,
  isEnded: () => boolean,
): Promise<void> {
  let since = await databaseNow(pool);
  while (!isEnded()) {
    await delay(INTERVAL_MS);
    const until = await databaseNow(pool);
    for (const row of await rowsIn(pool, { since, until })) print(describeRow(row));
    for (const row of await divergencesIn(pool, { since, until })) print(describeDivergence(row));
    since = until;
  }
}

function describeRow(row: MirroredRow): string {
  const what = row.deletedAt ? 'removed' : shorten(JSON.stringify(row.payload), 40);
  return `mirrored: ${shortenRef(row.ref)}: ${what} (${row.lagMs} ms)`;
}

function describeDivergence({ kind, cause, severity, ref }: DivergenceRow): string {
  return `divergence: ${kind}, ${cause}, ${severity}: ${shortenRef(ref)}`;
}
