import { createReadStream } from 'node:fs';
import { Client } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { readBackup } from '../../functions/src/backup/backup-file';
import { compareBackup } from '../../functions/src/backup/compare-backup';
import { COPY_TEXTS } from '../../functions/src/backup/copy-texts';
import { looksOfBackup, type Wanted } from '../../functions/src/backup/looks-of-backup';
import { openTables } from '../../functions/src/backup/open-tables';
import { isInDoubt } from '../../functions/src/backup/reconcile-backup';
import { postgresConfig } from '../../functions/src/deploy/settings';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import { instantOfMillis } from '../../functions/src/values/event-time';
import { peakMb, type WorkerReport } from './worker-report';

const [mode, file = ''] = process.argv.slice(2);

/** Each key's value and columns against its row's, as `mirror reconcile --backup` compares them. */
async function compare(): Promise<number> {
  const tables = openTables(postgresConfig(process.env));
  const takenAt = instantOfMillis(Date.now()) ?? '';
  const scope = { takenAt, retentionDays: 0, shards: null, columnsDue: new Set<string>() };
  let compared = 0;
  const wanted: Wanted = {
    isWanted(pair, state) {
      compared += 1;
      return isInDoubt(pair, state, scope);
    },
    wantsOdd: true,
  };
  const comparisons = compareBackup(readBackup(file, [questCompletions]), tables);
  for await (const [look] of looksOfBackup(comparisons, wanted, scope)) {
    throw new Error(`the stores differ: ${look?.shard}`);
  }
  await tables.close();
  return compared;
}

/** Reads the file, and the table by the same statement, and does nothing with them. */
async function readOnly(): Promise<number> {
  const client = new Client({ ...postgresConfig(process.env), query_timeout: 0 });
  await client.connect();
  const statements = {
    run: async (text: string, values: unknown[]) => (await client.query(text, values)).rows,
  };
  const { others } = await COPY_TEXTS.one(statements, { path: questCompletions.name, shards: [] });
  const rows = client.query(copyTo(others));
  await Promise.all([drained(createReadStream(file, { highWaterMark: 2 ** 18 })), drained(rows)]);
  await client.end();
  return rows.rowCount;
}

async function drained(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

async function main(): Promise<void> {
  const startedAt = performance.now();
  const completions = await (mode === 'compare' ? compare() : readOnly());
  const ms = performance.now() - startedAt;
  process.send?.({ completions, ms, peakMb: peakMb() } satisfies WorkerReport);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
});
