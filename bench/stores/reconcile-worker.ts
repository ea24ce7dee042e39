import { openPostgres, openReadings } from '../../functions/src/deploy/from-environment';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import { workQueue } from '../../functions/src/readings/queue';
import { ROWS_OF } from '../../functions/src/readings/shard-state';
import { COMPLETIONS_PER_COUPLE, coupleIdOf } from './dataset';
import { peakMb, type WorkerReport } from './worker-report';

const AT_ONCE = 16;
const [mode, rtdbPort, couplesText] = process.argv.slice(2);
const couples = Number(couplesText);
const database = { origin: `http://127.0.0.1:${rtdbPort}`, namespace: 'bench', instance: 'bench' };
const access = { database, accessToken: async () => 'owner' };
const connections = openPostgres(process.env, 4);

/** A first pass of readings, as `mirror reconcile` makes it. */
async function reconcile(): Promise<number> {
  const stores = { statements: connections, rtdb: access };
  const done = await workQueue({
    ...openReadings(process.env, [questCompletions], stores),
    ...{ concurrency: AT_ONCE, isOver: () => false },
  });
  const open = await connections.run(
    'select from mirror.divergence_log where resolved_at is null',
    [],
  );
  if (done.failed > 0 || open.length > 0) throw new Error(`the stores differ: ${open.length}`);
  return done.read * COMPLETIONS_PER_COUPLE;
}

/** Reads the same from both sides, couple by couple, and does nothing with it, not even parse it. */
async function readOnly(): Promise<number> {
  let next = 0;
  const read = async (): Promise<void> => {
    while (next < couples) {
      const shard = coupleIdOf(next++);
      const [response] = await Promise.all([
        fetch(`${database.origin}/daily_quests/${shard}.json`),
        ROWS_OF.all(connections, {
          ...{ path: questCompletions.name, shards: [shard] },
          ...{ fromDay: null, toDay: null, days: null, keys: null },
        }),
      ]);
      await response.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, read));
  return couples * COMPLETIONS_PER_COUPLE;
}

async function main(): Promise<void> {
  await connections.run('truncate mirror.readings, mirror.listings, mirror.suspects', []);
  const startedAt = performance.now();
  const completions = await (mode === 'reconcile' ? reconcile() : readOnly());
  const ms = performance.now() - startedAt;
  process.send?.({ completions, ms, peakMb: peakMb() } satisfies WorkerReport);
  await connections.close();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
});
