import { createReadStream } from 'node:fs';
import { Client } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { readBackup } from '../../functions/src/backup/backup-file';
import { compareBackup } from '../../functions/src/backup/compare-backup';
import { COPY_TEXTS } from '../../functions/src/backup/copy-texts';
import { openTables } from '../../functions/src/backup/open-tables';
import { postgresConfig } from '../../functions/src/deploy/settings';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import { isSameValue } from '../../functions/src/values/rtdb-value';
import { peakMb, type WorkerReport } from './worker-report';

const [mode, file = ''] = process.argv.slice(2);
const READ_AT = '2026-11-03T00:00:00.000000Z';

/** Each key's value against its row's, as a reading compares them. */
async function compare(): Promise<number> {
  const tables = openTables(postgresConfig(process.env));
  let agreeing = 0;
  let others = 0;
  for await (const part of compareBackup(readBackup(file, [questCompletions]), tables)) {
    if (part.shard === null) continue;
    for (const { leaf, row } of part.pairs) {
      const parsed = questCompletions.parseValue(leaf?.value, null, READ_AT, false);
      const agrees = row !== null && parsed.ok && isSameValue(parsed.state.payload, row.payload);
      if (agrees) agreeing += 1;
      else others += 1;
    }
  }
  await tables.close();
  if (others > 0) throw new Error(`the stores differ: ${others} keys`);
  return agreeing;
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
