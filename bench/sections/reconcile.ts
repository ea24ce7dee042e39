import { Client } from 'pg';
import type { Context } from '../context';
import { median } from '../statistics';
import { COMPLETIONS_PER_COUPLE, SEED_COMPLETIONS } from '../stores/dataset';
import type { WorkerReport } from '../stores/worker-report';
import { runWorker, startRtdb } from './worker';

export interface ReconcileRow {
  contender: string;
  completions: number;
  perSecond: number;
  ofReadingOnly: number;
  peakMb: number;
  problems: string[];
}

const NAME = 'bench_reconcile';
const MODES = ['read-only', 'reconcile'] as const;
type Mode = (typeof MODES)[number];

/** Comparing both stores against reading both the same way and doing nothing, by turns. */
export async function measureReconcile(context: Context): Promise<ReconcileRow[]> {
  const { databases, options, say } = context;
  const couples = Math.ceil(options.storedCompletions / COMPLETIONS_PER_COUPLE);
  say(`reconcile: making ${couples * COMPLETIONS_PER_COUPLE} completions`);
  await databases.create(NAME);
  await seedCompletions(databases.url(NAME), couples);
  const rtdb = await startRtdb(couples);
  try {
    const reports: Record<Mode, WorkerReport[]> = { 'read-only': [], reconcile: [] };
    for (let round = 1; round <= options.storeRounds; round += 1) {
      for (const mode of MODES) {
        const report = await runWorker(
          'reconcile-worker',
          [mode, String(rtdb.port), String(couples)],
          databases.url(NAME),
        );
        say(`reconcile: round ${round}, ${mode} ${Math.round(report.ms)} ms`);
        reports[mode].push(report);
      }
    }
    return MODES.map((mode) => rowOf(mode, reports));
  } finally {
    rtdb.stop();
    await databases.drop(NAME);
  }
}

function rowOf(mode: Mode, reports: Record<Mode, WorkerReport[]>): ReconcileRow {
  const rate = ({ completions, ms }: WorkerReport) => completions / (ms / 1000);
  // Of neighbours: the machine's speed drifts.
  const ratios = reports[mode].map((report, round) => {
    const beside = reports['read-only'][round];
    return beside ? rate(report) / rate(beside) : Number.NaN;
  });
  return {
    contender: mode,
    completions: reports[mode][0]?.completions ?? 0,
    perSecond: median(reports[mode].map(rate)),
    ofReadingOnly: median(ratios),
    peakMb: Math.max(...reports[mode].map(({ peakMb }) => peakMb)),
    problems: [],
  };
}

/** Fills the table with the completions of so many couples. */
export async function seedCompletions(url: string, couples: number): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('truncate rtdb.quest_completions');
    // Else each row would be noted as a direct write.
    await client.query("set mirror.writer = 'on'");
    await client.query(SEED_COMPLETIONS, [couples]);
    await client.query('vacuum analyze rtdb.quest_completions');
  } finally {
    await client.end();
  }
}
