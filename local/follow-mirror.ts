import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { CompletionRow, DivergenceRow } from './mirror-view';
import { completionsIn, databaseNow, divergencesIn } from './mirror-view';
import { shorten } from './table';

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
    for (const row of await completionsIn(pool, { since, until })) print(describeRow(row));
    for (const row of await divergencesIn(pool, { since, until })) print(describeDivergence(row));
    since = until;
  }
}

function describeRow(row: CompletionRow): string {
  const [couple, quest, user] = [row.coupleId, row.questId, row.userId].map((id) => shorten(id));
  const what = row.deletedAt ? 'took back' : 'completed';
  return `mirrored: ${user} of ${couple} ${what} ${quest} (${row.dateKey}, ${row.lagMs} ms)`;
}

function describeDivergence({ kind, cause, severity, ref }: DivergenceRow): string {
  return `divergence: ${kind}, ${cause}, ${severity}: ${shorten(ref, 80)}`;
}
