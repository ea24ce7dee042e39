import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { SEED_ROWS } from './databases';
import type { BackfillRow } from './sections/backfill';
import type { BackupRow } from './sections/backup';
import type { DashboardRow } from './sections/dashboard';
import type { FirstEventRow } from './sections/first-event';
import type { LatencyRow } from './sections/latency';
import type { MemoryRow } from './sections/memory';
import type { ProofRow } from './sections/proof';
import type { ProofCostRow } from './sections/proof-cost';
import type { ProofListingRow } from './sections/proof-listing';
import type { ReconcileRow } from './sections/reconcile';
import type { ThroughputRow } from './sections/throughput';

export interface Results {
  throughput?: ThroughputRow[];
  latency?: LatencyRow[];
  firstEvent?: FirstEventRow[];
  memory?: MemoryRow[];
  reconcile?: ReconcileRow[];
  backfill?: BackfillRow[];
  proof?: ProofRow[];
  proofCost?: ProofCostRow[];
  proofListing?: ProofListingRow[];
  backup?: BackupRow[];
  dashboard?: DashboardRow[];
}

/** A figure that an issue asks for, and the one measured. */
export interface Target {
  what: string;
  wanted: string;
  got: number | null;
  /** Null where the section that tells was not run. */
  met: boolean | null;
}

type Cell = string | number | null;

/** The results as Markdown tables, as docs/benchmarks.md shows them. */
export function formatResults(results: Results, targets: readonly Target[]): string {
  const parts: string[] = [];
  if (results.throughput) parts.push('Throughput', throughputTable(results.throughput));
  if (results.latency) parts.push('Latency at a fixed offered load', latencyTable(results.latency));
  if (results.firstEvent)
    parts.push('First event of a process', firstEventTable(results.firstEvent));
  if (results.memory) parts.push('Resident memory', memoryTable(results.memory));
  if (results.reconcile) parts.push('Reconcile', reconcileTable(results.reconcile));
  if (results.backfill) parts.push('Backfill', backfillTable(results.backfill));
  if (results.proof) parts.push('Readings', proofTable(results.proof));
  if (results.proofCost) parts.push('RTDB bytes, 1M couples', proofCostTable(results.proofCost));
  if (results.proofListing) parts.push('Listing', proofListingTable(results.proofListing));
  if (results.backup) parts.push('Backup', backupTable(results.backup));
  if (results.dashboard) parts.push('Dashboard', dashboardTable(results.dashboard));
  const problems = Object.values(results)
    .flat()
    .flatMap((row) => row.problems.map((problem: string) => `FAILED ${row.contender}: ${problem}`));
  parts.push(...problems, 'Targets', targetTable(targets));
  return `${parts.join('\n\n')}\n`;
}

/** Writes the figures, with what they were measured on, for machines and later comparison. */
export function writeResults(results: Results, targets: readonly Target[]): string {
  const folder = join(__dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'latest.json');
  const machine = {
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cores: cpus().length,
    memoryMb: Math.round(totalmem() / 2 ** 20),
    fsync: 'off',
    seedRows: SEED_ROWS,
  };
  const report = { measuredAt: new Date().toISOString(), machine, targets, results };
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return file;
}

function throughputTable(rows: ThroughputRow[]): string {
  return table(
    [
      ...['event', 'round trip ms (measured)', 'concurrency', 'contender', 'events/s'],
      ...['x do-nothing', 'x naive-1', 'x naive-10', 'x mirror', 'connections'],
      ...[
        'statements/event',
        'bytes sent/event',
        'function CPU ms/event',
        'Postgres CPU ms/event',
        'generator load',
      ],
    ],
    rows.map((row) => [
      row.workload === 'completions' ? 'completion' : row.workload,
      `${row.roundTripMs} (${fixed(row.measuredRoundTripMs, 1)})`,
      row.concurrency,
      row.contender,
      fixed(row.eventsPerSecond, 0),
      fixed(row.ofDoNothing, 2),
      fixed(row.ofNaive1, 1),
      fixed(row.ofNaive10, 2),
      fixed(row.ofMirror, 2),
      row.connections,
      fixed(row.statementsPerEvent, 3),
      fixed(row.bytesPerEvent, 0),
      fixed(row.functionCpuMs, 3),
      row.connections > 0 ? fixed(row.postgresCpuMs, 3) : null,
      fixed(row.generatorLoad, 2),
    ]),
  );
}

function latencyTable(rows: LatencyRow[]): string {
  return table(
    ['round trip ms', 'offered/s', 'contender', 'p50 ms', 'p99 ms', 'connections'],
    rows.map((row) => [
      row.roundTripMs,
      row.offeredPerSecond,
      row.contender,
      fixed(row.p50Ms, 1),
      fixed(row.p99Ms, 1),
      row.connections,
    ]),
  );
}

function firstEventTable(rows: FirstEventRow[]): string {
  return table(
    ['round trip ms', 'contender', 'port ready ms', 'first event ms', 'above do-nothing ms'],
    rows.map((row) => [
      row.roundTripMs,
      row.contender,
      fixed(row.readyMs, 0),
      fixed(row.firstEventMs, 0),
      fixed(row.aboveDoNothingMs, 0),
    ]),
  );
}

function memoryTable(rows: MemoryRow[]): string {
  return table(
    ['contender', 'events', 'idle MB', 'RSS MB', 'peak MB', 'RSS above', 'peak above'],
    rows.map((row) => [
      row.contender,
      row.events,
      fixed(row.idleMb, 0),
      fixed(row.rssMb, 0),
      fixed(row.peakMb, 0),
      fixed(row.rssAboveDoNothingMb, 1),
      fixed(row.peakAboveDoNothingMb, 1),
    ]),
  );
}

function reconcileTable(rows: ReconcileRow[]): string {
  return table(
    ['contender', 'completions', 'completions/s', 'x reading only', 'peak RSS MB'],
    rows.map((row) => [
      row.contender,
      row.completions,
      fixed(row.perSecond, 0),
      fixed(row.ofReadingOnly, 2),
      fixed(row.peakMb, 0),
    ]),
  );
}

function proofTable(rows: ProofRow[]): string {
  return table(
    [
      ...['contender', 'round trip ms', 'readings', 'readings/s', 'x no difference'],
      ...[
        'statements each',
        'requests each',
        'CPU ms each',
        'readings/CPU s',
        'x by CPU',
        'peak RSS MB',
      ],
    ],
    rows.map((row) => [
      row.contender,
      row.roundTripMs,
      row.readings,
      fixed(row.perSecond, 0),
      fixed(row.ofAlike, 2),
      fixed(row.statementsPerReading, 2),
      fixed(row.requestsPerReading, 2),
      fixed(row.cpuMsPerReading, 2),
      fixed(row.perCpuSecond, 0),
      fixed(row.ofAlikeByCpu, 2),
      fixed(row.peakMb, 0),
    ]),
  );
}

function proofCostTable(rows: ProofCostRow[]): string {
  return table(
    [
      ...['contender', 'days in RTDB', 'bytes, whole', 'touched', 'full'],
      ...['GB an hour', 'GB a month', 'x hourly'],
    ],
    rows.map((row) => [
      row.contender,
      row.historyDays,
      fixed(row.wholeBytes, 0),
      fixed(row.touchedBytes, 0),
      fixed(row.fullBytes, 0),
      fixed(row.gbAnHour, 3),
      fixed(row.gbAMonth, 0),
      fixed(row.ofHourly, 3),
    ]),
  );
}

function proofListingTable(rows: ProofListingRow[]): string {
  return table(
    ['contender', 'couples', 's', 'of these noting', 'requests', 'RTDB MB', 'peak RSS MB'],
    rows.map((row) => [
      row.contender,
      row.couples,
      fixed(row.seconds, 1),
      fixed(row.notedSeconds, 1),
      row.requests,
      fixed(row.rtdbMb, 1),
      fixed(row.peakMb, 0),
    ]),
  );
}

function dashboardTable(rows: DashboardRow[]): string {
  return table(
    ['part of the page', 'median ms', 'max ms', 'slowest statement ms'],
    rows.map((row) => [
      row.contender,
      fixed(row.medianMs, 0),
      fixed(row.maxMs, 0),
      fixed(row.slowestStatementMs, 0),
    ]),
  );
}

function backfillTable(rows: BackfillRow[]): string {
  return table(
    ['contender', 'completions', 'completions/s', 'x COPY', 'peak RSS MB'],
    rows.map((row) => [
      row.contender,
      row.completions,
      fixed(row.perSecond, 0),
      fixed(row.ofCopy, 2),
      fixed(row.peakMb, 0),
    ]),
  );
}

function backupTable(rows: BackupRow[]): string {
  return table(
    ['contender', 'completions', 'completions/s', 'time of reading only', 'peak RSS MB'],
    rows.map((row) => [
      row.contender,
      row.completions,
      fixed(row.perSecond, 0),
      fixed(row.timesReading, 2),
      fixed(row.peakMb, 0),
    ]),
  );
}

function targetTable(targets: readonly Target[]): string {
  const verdict = (met: boolean | null) => (met === null ? 'not run' : met ? 'pass' : 'FAIL');
  return table(
    ['target', 'wanted', 'got', ''],
    targets.map(({ what, wanted, got, met }) => [what, wanted, fixed(got, 2), verdict(met)]),
  );
}

function table(head: string[], rows: Cell[][]): string {
  const lines = [head, ...rows.map((row) => row.map((cell) => String(cell ?? '')))];
  const widths = head.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  const print = (line: string[]) =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  const [first = '', ...rest] = lines.map(print);
  return [first, rule, ...rest].join('\n');
}

function fixed(value: number | null, digits: number): string {
  return value === null || Number.isNaN(value) ? '' : value.toFixed(digits);
}
