import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import {
  INSERT_MISSING,
  missingParameter,
  type ReadCompletion,
} from '../../functions/src/completions-only/postgres/backfills';
import { openBackfill, runBackfill } from '../../functions/src/completions-only/reconcile/backfill';
import { leavesOfCouple } from '../../functions/src/completions-only/reconcile/leaves-of-couple';
import { limitConcurrency } from '../../functions/src/completions-only/reconcile/limit-concurrency';
import { sortLeaves } from '../../functions/src/completions-only/reconcile/read-completions';
import { createRtdbTree } from '../../functions/src/completions-only/rtdb-tree';
import { openPostgres } from '../../functions/src/deploy/from-environment';
import { coupleIdOf, DAYS, daysOf } from './dataset';
import { peakMb, type WorkerReport } from './worker-report';

const [mode = '', rtdbPort, couplesText] = process.argv.slice(2);
const couples = Number(couplesText);
const database = { origin: `http://127.0.0.1:${rtdbPort}`, namespace: 'bench', instance: 'bench' };
const tree = createRtdbTree({ database, accessToken: async () => 'owner' });
const range = { fromDate: DAYS[0] ?? '', toDate: DAYS.at(-1) ?? '' };
const connections = openPostgres(process.env, 2);
const READ_AT = '2026-11-03T00:00:00.000000Z';
const ROWS_AT_ONCE = 2_000;

const COPY = `
copy rtdb.quest_completions (
  couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_time
) from stdin`;

const completionsOf = (n: number, days: unknown): ReadCompletion[] =>
  sortLeaves(leavesOfCouple(coupleIdOf(n), days, READ_AT)).completions;

/** The rows before the clock starts: what is measured is Postgres taking them. */
const inMemory = (): ReadCompletion[] =>
  Array.from({ length: couples }, (_, n) => completionsOf(n, daysOf(n))).flat();

const lineOf = ({ leaf, completedAt, payload }: ReadCompletion): string =>
  [
    ...[leaf.coupleId, leaf.dateKey, leaf.questId, leaf.userId, leaf.partnerId],
    ...[completedAt, JSON.stringify(payload).replace(/\\/g, '\\\\'), 'backfill', '-infinity'],
  ].join('\t');

async function copy(lines: Iterable<string> | AsyncIterable<string>): Promise<void> {
  const client = new Client({ connectionString: process.env.QUEST_MIRROR_DATABASE_URL });
  await client.connect();
  await client.query("set mirror.writer = 'on'");
  await pipeline(Readable.from(lines), client.query(copyFrom(COPY)));
  await client.end();
}

const blocks = (rows: readonly ReadCompletion[]): string[] =>
  Array.from({ length: Math.ceil(rows.length / ROWS_AT_ONCE) }, (_, n) =>
    rows
      .slice(n * ROWS_AT_ONCE, (n + 1) * ROWS_AT_ONCE)
      .map((row) => `${lineOf(row)}\n`)
      .join(''),
  );

/** Reads RTDB as a backfill does, and copies. */
async function* readLines(): AsyncGenerator<string> {
  const limit = limitConcurrency(16);
  for (let start = 0; start < couples; start += 200) {
    const size = Math.min(200, couples - start);
    const slice = Array.from({ length: size }, (_, n) =>
      limit(() => tree.readDays(coupleIdOf(start + n), range.fromDate, range.toDate)),
    );
    const days = await Promise.all(slice);
    yield* blocks(days.flatMap((one, n) => completionsOf(start + n, one)));
  }
}

const MODES: Record<string, () => Promise<() => Promise<unknown>>> = {
  async copy() {
    const rows = inMemory();
    return () => copy(blocks(rows));
  },
  async 'insert-missing'() {
    const rows = inMemory();
    return async () => {
      const limit = limitConcurrency(4);
      const starts = Array.from({ length: Math.ceil(rows.length / ROWS_AT_ONCE) }, (_, n) => n);
      const insert = (n: number) => {
        const batch = rows.slice(n * ROWS_AT_ONCE, (n + 1) * ROWS_AT_ONCE);
        return connections.run(INSERT_MISSING, [missingParameter(batch)]);
      };
      await Promise.all(starts.map((n) => limit(() => insert(n))));
    };
  },
  'read-copy': async () => () => copy(readLines()),
  backfill: async () => async () => {
    const context = { statements: connections, rtdb: tree };
    await runBackfill(await openBackfill({ ranges: [range], couples: null }, context), context);
  },
};

async function main(): Promise<void> {
  await connections.run('truncate rtdb.quest_completions', []);
  const measured = await MODES[mode]?.();
  const startedAt = performance.now();
  await measured?.();
  const ms = performance.now() - startedAt;
  const [row] = await connections.run('select count(*)::integer from rtdb.quest_completions', []);
  const { count } = row as { count: number };
  process.send?.({ completions: count, ms, peakMb: peakMb() } satisfies WorkerReport);
  await connections.close();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
});
