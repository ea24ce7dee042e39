import { PATHS } from '../../functions/src/app-paths';
import { openPostgres } from '../../functions/src/deploy/from-environment';
import { prepareEvaluation } from '../../functions/src/deploy/prepare-evaluation';
import { findDue } from '../../functions/src/readings/find-due';
import { PROOF_TIMES } from '../../functions/src/readings/proof-times';
import { workQueue } from '../../functions/src/readings/queue';
import { rtdbShards } from '../../functions/src/readings/rtdb-shards';
import { childrenOf, pagesOfKeys } from '../../functions/src/rtdb/rtdb-children';
import { newUsage } from '../../functions/src/rtdb/rtdb-transport';
import { daysBack } from './proof-dataset';
import type { ProofReport, ProofTask } from './proof-report';
import { peakMb } from './worker-report';

const task = JSON.parse(process.argv[2] ?? '') as ProofTask;
const usage = newUsage();
const connections = openPostgres(process.env, task.connections);
const paths = PATHS.filter(({ name }) => task.paths.includes(name));
const kinds: Record<string, number> = {};
let statements = 0;
let shards = 0;
let notedMs = 0;

const access = {
  database: { origin: `http://127.0.0.1:${task.rtdbPort}`, namespace: 'bench', instance: 'bench' },
  accessToken: async () => 'owner',
  usage,
};

const context = {
  statements: {
    async run(...given: Parameters<typeof connections.run>) {
      statements += 1;
      const startedAt = performance.now();
      const rows = await connections.run(...given);
      if (given[0].includes('mirror.note_listed')) notedMs += performance.now() - startedAt;
      return rows;
    },
  },
  rtdb: rtdbShards(access),
  times: { ...PROOF_TIMES, graceMs: 0, ...(task.kind === 'list' ? { listEveryMs: 0 } : {}) },
  retentionDays: 0,
  paths,
  concurrency: task.concurrency,
  prepareEvaluation,
  onOutcome({ kind }: { kind: string }) {
    shards += 1;
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  },
  onFailure(path: string, shard: string, error: unknown) {
    throw new Error(`${path} ${shard}: ${error}`);
  },
  isOver: () => shards >= (task.most ?? Number.POSITIVE_INFINITY),
};

const DO: Record<ProofTask['kind'], () => Promise<unknown>> = {
  work: () => workQueue(context),
  list: () => findDue(context),
  keys: () => keysOfRoot(),
  async hourly() {
    const [from = '', to = ''] = daysBack(2);
    for (const shard of await keysOfRoot()) {
      await childrenOf(access, ['daily_quests', shard], { from, to });
    }
  },
};

async function keysOfRoot(): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of pagesOfKeys(access, ['daily_quests'])) keys.push(...page);
  return keys;
}

async function main(): Promise<void> {
  // Connected, and warm, before the clock starts.
  await connections.run('select 1', []);
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  await DO[task.kind]();
  const cpu = process.cpuUsage(cpuBefore);
  const ms = performance.now() - startedAt;
  const cpuMs = (cpu.user + cpu.system) / 1_000;
  process.send?.({
    shards,
    kinds,
    statements,
    notedMs,
    ms,
    cpuMs,
    usage,
    peakMb: peakMb(),
  } satisfies ProofReport);
  await connections.close();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
});
