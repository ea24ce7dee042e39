import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { openBackfill, runBackfill } from '../../functions/src/backfill/backfill';
import { FILL_ROWS } from '../../functions/src/backfill/books';
import { openPostgres, openReadings } from '../../functions/src/deploy/from-environment';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import { leavesOfNode } from '../../functions/src/readings/leaves-of-node';
import { rtdbShards } from '../../functions/src/readings/rtdb-shards';
import { shardNodes } from '../../functions/src/readings/shard-node';
import { type TakenLeaf, takenLeaf } from '../../functions/src/readings/taken-leaf';
import { coupleIdOf, DAYS, daysOf } from './dataset';
import { peakMb, type WorkerReport } from './worker-report';

const [mode = '', rtdbPort, couplesText] = process.argv.slice(2);
const couples = Number(couplesText);
const database = { origin: `http://127.0.0.1:${rtdbPort}`, namespace: 'bench', instance: 'bench' };
const access = { database, accessToken: async () => 'owner' };
const days = { from: DAYS[0] ?? '', to: DAYS.at(-1) ?? '' };
const connections = openPostgres(process.env, 2);
const READ_AT = '2026-11-03T00:00:00.000000Z';
const ROWS_AT_ONCE = 2_000;

const COPY = `
copy rtdb.quest_completions (
  couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_time
) from stdin`;

const [NODE] = shardNodes([questCompletions]);

const completionsOf = (n: number, node: unknown): TakenLeaf[] => {
  const member = NODE?.members[0];
  if (member === undefined) return [];
  const keys = ['daily_quests', coupleIdOf(n)];
  return leavesOfNode(member, keys, node, READ_AT).leaves.map(({ leaf, ref, raw }) =>
    takenLeaf({ ref, parts: leaf.parts, rtdb: raw as never }, questCompletions, READ_AT),
  );
};

/** The rows before the clock starts: what is measured is Postgres taking them. */
const inMemory = (): TakenLeaf[][] =>
  Array.from({ length: couples }, (_, n) => completionsOf(n, daysOf(n)));

const lineOf = ({ row }: TakenLeaf): string =>
  [
    ...[row.couple_id, row.date_key, row.quest_id, row.user_id, row.partner_id, row.completed_at],
    ...[JSON.stringify(row.payload).replace(/\\/g, '\\\\'), 'backfill', '-infinity'],
  ].join('\t');

async function copy(lines: Iterable<string> | AsyncIterable<string>): Promise<void> {
  const client = new Client({ connectionString: process.env.QUEST_MIRROR_DATABASE_URL });
  await client.connect();
  await client.query("set mirror.writer = 'on'");
  await pipeline(Readable.from(lines), client.query(copyFrom(COPY)));
  await client.end();
}

const blocks = (rows: readonly TakenLeaf[]): string[] =>
  Array.from({ length: Math.ceil(rows.length / ROWS_AT_ONCE) }, (_, n) =>
    rows
      .slice(n * ROWS_AT_ONCE, (n + 1) * ROWS_AT_ONCE)
      .map((row) => `${lineOf(row)}\n`)
      .join(''),
  );

/** Reads RTDB as a backfill does, and copies. */
async function* readLines(): AsyncGenerator<string> {
  const rtdb = rtdbShards(access);
  for (let start = 0; start < couples; start += 16) {
    const size = Math.min(16, couples - start);
    const nodes = await Promise.all(
      Array.from({ length: size }, (_, n) =>
        rtdb.readRange(['daily_quests', coupleIdOf(start + n)], days.from, days.to),
      ),
    );
    yield* blocks(nodes.flatMap((one, n) => completionsOf(start + n, one)));
  }
}

const MODES: Record<string, () => Promise<() => Promise<unknown>>> = {
  async copy() {
    const rows = inMemory().flat();
    return () => copy(blocks(rows));
  },
  async 'insert-missing'() {
    const shards = inMemory();
    return async () => {
      const insert = async (start: number) => {
        for (let n = start; n < shards.length; n += 16) {
          await FILL_ROWS.one(connections, {
            ...{ path: questCompletions.name, shard: coupleIdOf(n), found: [] },
            leaves: (shards[n] ?? []).map((leaf) => ({ ...leaf })),
          });
        }
      };
      await Promise.all(Array.from({ length: 16 }, (_, n) => insert(n)));
    };
  },
  'read-copy': async () => () => copy(readLines()),
  backfill: async () => async () => {
    const stores = { statements: connections, rtdb: access };
    const context = { ...openReadings(process.env, [questCompletions], stores), concurrency: 16 };
    const paths = [{ path: questCompletions.name, ranges: [days] }];
    await runBackfill(await openBackfill({ paths, shards: null }, context), context);
  },
};

async function main(): Promise<void> {
  await connections.run('truncate rtdb.quest_completions, mirror.readings', []);
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
