import { ROWS_OF_RANGE } from '../../functions/src/completions-only/postgres/completion-rows';
import { limitConcurrency } from '../../functions/src/completions-only/reconcile/limit-concurrency';
import { runReconcile } from '../../functions/src/completions-only/reconcile/run-reconcile';
import { createRtdbTree } from '../../functions/src/completions-only/rtdb-tree';
import { openPostgres } from '../../functions/src/deploy/from-environment';
import { CANARY_COUPLE } from '../../functions/src/paths/quest-completions/canary-couple';
import { COMPLETIONS_PER_COUPLE, DAYS } from './dataset';
import { peakMb, type WorkerReport } from './worker-report';

const SLICE = 50;
const [mode, rtdbPort] = process.argv.slice(2);
const database = { origin: `http://127.0.0.1:${rtdbPort}`, namespace: 'bench', instance: 'bench' };
const range = { fromDate: DAYS[0] ?? '', toDate: DAYS.at(-1) ?? '' };
const connections = openPostgres(process.env, 2);
const tree = createRtdbTree({ database, accessToken: async () => 'owner' });

/** The reconciler, as `mirror reconcile` runs it. */
async function reconcile(): Promise<number> {
  const request = { ...range, graceMs: 0, couples: null };
  const run = await runReconcile(request, {
    statements: connections,
    rtdb: tree,
    retentionDays: 0,
  });
  if (run.consistency !== 1) throw new Error(`the stores differ: ${JSON.stringify(run)}`);
  return run.matched;
}

/** Reads the same from both sides in the same way, and does nothing with it, not even parse it. */
async function readOnly(): Promise<number> {
  const couples = await tree.listCouples();
  const requests = limitConcurrency(16);
  const slices = limitConcurrency(4);
  const fetchDays = async (coupleId: string) => {
    const query = `orderBy="$key"&startAt="${range.fromDate}"&endAt="${range.toDate}"`;
    const response = await fetch(`${database.origin}/daily_quests/${coupleId}.json?${query}`);
    await response.arrayBuffer();
  };
  const readSlice = async (start: number) => {
    const part = couples.slice(start, start + SLICE);
    const values = [couples[start - 1] ?? null, part.at(-1), ...Object.values(range), SLICE];
    await Promise.all([
      connections.run(ROWS_OF_RANGE, [...values, CANARY_COUPLE]),
      ...part.map((coupleId) => requests(() => fetchDays(coupleId))),
    ]);
  };
  const starts = Array.from({ length: Math.ceil(couples.length / SLICE) }, (_, n) => n * SLICE);
  await Promise.all(starts.map((start) => slices(() => readSlice(start))));
  return couples.length * COMPLETIONS_PER_COUPLE;
}

async function main(): Promise<void> {
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
