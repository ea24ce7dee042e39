import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context } from '../context';
import { median } from '../statistics';
import { COMPLETIONS_PER_COUPLE, coupleIdOf, daysOf } from '../stores/dataset';
import type { WorkerReport } from '../stores/worker-report';
import { seedCompletions } from './reconcile';
import { runWorker } from './worker';

export interface BackupRow {
  contender: string;
  completions: number;
  perSecond: number;
  /** Its time against that of reading the same file and table without comparing. */
  timesReading: number;
  peakMb: number;
  problems: string[];
}

const NAME = 'bench_backup';
const MODES = ['read-only', 'compare'] as const;
type Mode = (typeof MODES)[number];

/** Comparing a backup with the table against reading both and doing nothing, by turns. */
export async function measureBackup(context: Context): Promise<BackupRow[]> {
  const { databases, options, say } = context;
  const couples = Math.ceil(options.storedCompletions / COMPLETIONS_PER_COUPLE);
  const folder = mkdtempSync(join(tmpdir(), 'bench-backup-'));
  try {
    say(`backup: making ${couples * COMPLETIONS_PER_COUPLE} completions`);
    const file = join(folder, 'backup.json');
    await writeBackup(file, couples);
    await databases.create(NAME);
    await seedCompletions(databases.url(NAME), couples);
    const reports: Record<Mode, WorkerReport[]> = { 'read-only': [], compare: [] };
    for (let round = 1; round <= options.storeRounds; round += 1) {
      for (const mode of MODES) {
        const report = await runWorker('backup-worker', [mode, file], databases.url(NAME));
        say(`backup: round ${round}, ${mode} ${Math.round(report.ms)} ms`);
        reports[mode].push(report);
      }
    }
    return MODES.map((mode) => rowOf(mode, reports, couples * COMPLETIONS_PER_COUPLE));
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await databases.drop(NAME);
  }
}

function rowOf(mode: Mode, reports: Record<Mode, WorkerReport[]>, wanted: number): BackupRow {
  // Of neighbours: the machine's speed drifts.
  const ratios = reports[mode].map(
    ({ ms }, round) => ms / (reports['read-only'][round]?.ms ?? Number.NaN),
  );
  const completions = reports[mode][0]?.completions ?? 0;
  return {
    contender: mode,
    completions,
    perSecond: median(reports[mode].map((report) => report.completions / (report.ms / 1000))),
    timesReading: median(ratios),
    peakMb: Math.max(...reports[mode].map(({ peakMb }) => peakMb)),
    problems: completions === wanted ? [] : [`${completions} completions instead of ${wanted}`],
  };
}

/** The whole database in one line, as RTDB exports it. */
async function writeBackup(file: string, couples: number): Promise<void> {
  const out = createWriteStream(file);
  out.write('{"daily_quests":{');
  for (let n = 0; n < couples; n += 1) {
    const node = `${JSON.stringify(coupleIdOf(n))}:${JSON.stringify(daysOf(n))}`;
    if (!out.write(n === 0 ? node : `,${node}`)) await once(out, 'drain');
  }
  out.end('}}');
  await once(out, 'finish');
}
