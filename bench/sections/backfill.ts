import type { Context } from '../context';
import { median } from '../statistics';
import { COMPLETIONS_PER_COUPLE } from '../stores/dataset';
import type { WorkerReport } from '../stores/worker-report';
import { runWorker, startRtdb } from './worker';

export interface BackfillRow {
  contender: string;
  completions: number;
  perSecond: number;
  /** Against COPY of the same rows, which reads RTDB where the contender does. */
  ofCopy: number;
  peakMb: number;
  problems: string[];
}

const NAME = 'bench_backfill';

/** Who is compared with whom: what takes rows from memory, and what reads RTDB first. */
const BESIDE = {
  copy: 'copy',
  'insert-missing': 'copy',
  'read-copy': 'read-copy',
  backfill: 'read-copy',
} as const;
type Mode = keyof typeof BESIDE;
const MODES = Object.keys(BESIDE) as Mode[];

/** Filling an empty table: the backfill, and its statement alone, against COPY, by turns. */
export async function measureBackfill(context: Context): Promise<BackfillRow[]> {
  const { databases, options, say } = context;
  const couples = Math.ceil(options.filledCompletions / COMPLETIONS_PER_COUPLE);
  await databases.create(NAME);
  const rtdb = await startRtdb(couples);
  try {
    const reports: Record<Mode, WorkerReport[]> = {
      ...{ copy: [], 'insert-missing': [], 'read-copy': [], backfill: [] },
    };
    for (let round = 1; round <= options.storeRounds; round += 1) {
      for (const mode of MODES) {
        const args = [mode, String(rtdb.port), String(couples)];
        const report = await runWorker('backfill-worker', args, databases.url(NAME));
        say(`backfill: round ${round}, ${mode} ${Math.round(report.ms)} ms`);
        reports[mode].push(report);
      }
    }
    return MODES.map((mode) => rowOf(mode, reports, couples * COMPLETIONS_PER_COUPLE));
  } finally {
    rtdb.stop();
    await databases.drop(NAME);
  }
}

function rowOf(mode: Mode, reports: Record<Mode, WorkerReport[]>, wanted: number): BackfillRow {
  const rate = ({ completions, ms }: WorkerReport) => completions / (ms / 1000);
  const ratios = reports[mode].map((report, round) => {
    const beside = reports[BESIDE[mode]][round];
    return beside ? rate(report) / rate(beside) : Number.NaN;
  });
  const completions = reports[mode][0]?.completions ?? 0;
  return {
    contender: mode,
    completions,
    perSecond: median(reports[mode].map(rate)),
    ofCopy: median(ratios),
    peakMb: Math.max(...reports[mode].map((report) => report.peakMb)),
    problems: completions === wanted ? [] : [`${completions} rows instead of ${wanted}`],
  };
}
