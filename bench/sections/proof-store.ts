import { Client } from 'pg';
import type { Context } from '../context';
import { SEEDS } from '../stores/proof-dataset';
import type { ProofReport, ProofTask } from '../stores/proof-report';
import { runWorker } from './worker';

const NAME = 'bench_proof';

/** Which reading is due, of every shard. */
const MADE_DUE = {
  whole: `
    update mirror.readings
    set read_at = now() - interval '21 hours', set_at = now(), touched_at = null,
      due_at = now() - random() * interval '1 hour'`,
  touched: `
    update mirror.readings
    set read_at = now() - interval '30 minutes', set_at = now(), touched_at = null,
      due_at = now() - random() * interval '1 hour'`,
  full: `
    update mirror.readings
    set is_full_due = true, due_at = now() - random() * interval '1 hour'`,
} as const;

/** A completion of each couple's, and an award: what an event does. */
const MOVE = [
  `update rtdb.quest_completions set mirrored_at = clock_timestamp()
   where date_key = (now() at time zone 'UTC')::date and quest_id = 'quest_0'`,
  `update rtdb.lp_awards set mirrored_at = clock_timestamp()
   where award_id = 'award_' || (now() at time zone 'UTC')::date`,
];

export type DueKind = keyof typeof MADE_DUE;

/** A mirror's database with couples that were read, for the proof's benches. */
export interface ProofStore {
  /** Makes a reading of every shard due; what was found before is forgotten. */
  makeDue(kind: DueKind): Promise<void>;
  /** A worker, in a process of its own. */
  work(
    task: Pick<ProofTask, 'rtdbPort' | 'paths'> & Partial<ProofTask>,
    postgresPort?: number,
  ): Promise<ProofReport>;
  drop(): Promise<void>;
}

export async function openProofStore(
  { databases }: Pick<Context, 'databases'>,
  couples: number,
  days: number,
): Promise<ProofStore> {
  await databases.create(NAME);
  const run = (texts: readonly string[], values: unknown[] = []) =>
    runAll(databases.url(NAME), texts, values);
  await run(['truncate rtdb.quest_completions, rtdb.daily_quests, rtdb.lp_awards']);
  if (couples > 0) await run(SEEDS, [couples, days]);
  await run(['vacuum analyze']);
  return {
    async makeDue(kind) {
      const forget = ['truncate mirror.suspects', 'delete from mirror.divergence_log'];
      await run([...forget, ...(kind === 'touched' ? MOVE : []), MADE_DUE[kind], 'vacuum analyze']);
    },
    work(task, postgresPort = databases.port) {
      const whole: ProofTask = {
        kind: 'work',
        concurrency: 64,
        connections: 4,
        most: null,
        ...task,
      };
      const url = databases.url(NAME, postgresPort);
      return runWorker<ProofReport>('proof-worker', [JSON.stringify(whole)], url);
    },
    drop: () => databases.drop(NAME),
  };
}

async function runAll(
  connectionString: string,
  texts: readonly string[],
  values: unknown[],
): Promise<void> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    // Else each row would be noted as a direct write.
    await client.query("set mirror.writer = 'on'");
    for (const text of texts) await client.query(text, values);
  } finally {
    await client.end();
  }
}
