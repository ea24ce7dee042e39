import { type Command, Option } from 'commander';
import { openReadings } from '../../deploy/from-environment';
import { UsageError } from '../../errors/mirror-error';
import { leafOfRef } from '../../explain/leaf-of-ref';
import { type ColumnsSummary, recomputeColumns } from '../../repair/recompute-columns';
import {
  type RepairContext,
  type RepairRequest,
  type RepairSummary,
  repair,
} from '../../repair/repair';
import type { RepairOutcome, RepairStep } from '../../repair/repair-shard';
import type { ExitWith, VerbContext } from '../context';
import { withPostgres } from '../open-postgres';
import {
  dateRangeOption,
  pathsNamed,
  type ShardOptions,
  shardsOf,
  wholeNumber,
  withPathOption,
  withShardOption,
} from '../options';
import { jsonLine, printable, printableValue } from '../printable';
import { type StoreOptions, withStoreOptions, withStores } from '../with-stores';

interface RepairOptions extends StoreOptions, ShardOptions {
  path?: string[];
  from?: string;
  to?: string;
  columns?: true;
  write?: true;
  bury?: number;
  retentionDays?: number;
  concurrency: number;
  json?: true;
}

/** `mirror repair`: sets rows that differ to what RTDB holds; without `--write` it only shows them. */
export function registerRepair(program: Command, context: VerbContext, exitWith: ExitWith): void {
  const command = program
    .command('repair')
    .argument('[ref...]', 'only these leaves: lp_awards/…/…')
    .description('set rows that differ to what RTDB holds (a dry run without --write)')
    .option('--from <date>', 'first day, YYYY-MM-DD, of paths with a day; others are read whole')
    .option('--to <date>', 'last day')
    .addOption(
      new Option(
        '--columns',
        'compute the columns from the payloads that Postgres has, after a declaration changed',
      ).conflicts(['from', 'to', 'couple', 'shard', 'bury', 'retentionDays', 'adoptRtdb']),
    )
    .option('--write', 'write; a row that changed since it was compared is left alone')
    .option(
      '--bury <n>',
      'how many rows that RTDB does not hold may become tombstones (default: 1%, 3 to 100)',
      wholeNumber('--bury', 0, 1_000_000_000),
    )
    .option(
      '--retention-days <n>',
      'how old a day may be in RTDB (default: RETENTION_DAYS; 0 = kept forever)',
      wholeNumber('--retention-days', 0, 36_500),
    )
    .option('--concurrency <n>', 'shards at once', wholeNumber('--concurrency', 1, 256), 16)
    .option('--json', 'print one JSON object');
  withStoreOptions(withShardOption(withPathOption(command))).action(
    (refs: string[], options: RepairOptions) =>
      options.columns
        ? repairColumns(refs, options, context, exitWith)
        : repairRows(refs, options, context, exitWith),
  );
}

async function repairRows(
  refs: string[],
  options: RepairOptions,
  { env, writeOut, writeError, declared }: VerbContext,
  exitWith: ExitWith,
): Promise<void> {
  const paths = pathsNamed(options.path, declared().paths);
  const request = requestOf(refs, options, paths);
  const totals = new Map<RepairOutcome, number>();
  const steps: RepairStep[] = [];
  const summary = await withStores({ env, writeError }, options, (statements, access) => {
    const context: RepairContext = {
      ...openReadings(env, paths, { statements, rtdb: access }),
      ...(options.retentionDays === undefined ? {} : { retentionDays: options.retentionDays }),
      concurrency: options.concurrency,
      onStep(step) {
        totals.set(step.outcome, (totals.get(step.outcome) ?? 0) + 1);
        if (options.json) steps.push(step);
        else writeOut(formatStep(step));
      },
    };
    return repair(request, context);
  });
  if (options.json) {
    const differences = steps.map(({ path, outcome, key: { ref, state } }) => ({
      ...{ path, ref, kind: state, outcome },
    }));
    writeOut(jsonLine({ ...Object.fromEntries(totals), ...summary, differences }));
  } else writeOut(formatTotals(totals, summary, request.write));
  const isRefused = totals.has('not_buried');
  if (isRefused || summary.failed.length > 0) exitWith(1);
}

async function repairColumns(
  refs: string[],
  options: RepairOptions,
  { env, writeOut, declared }: VerbContext,
  exitWith: ExitWith,
): Promise<void> {
  if (refs.length > 0) throw new UsageError('--columns takes paths (--path), not leaves');
  const paths = pathsNamed(options.path, declared().paths);
  const write = options.write ?? false;
  const done: Record<string, ColumnsSummary> = {};
  await withPostgres(env, options.databaseUrlEnv, async (statements) => {
    for (const path of paths) {
      const { concurrency } = options;
      const summary = await recomputeColumns(path, { statements, concurrency, write });
      done[path.name] = summary;
      if (!options.json) writeOut(formatColumns(path.name, summary, write));
    }
  });
  if (options.json) writeOut(jsonLine({ paths: done }));
  if (write && Object.values(done).some(({ isDone }) => !isDone)) exitWith(1);
}

function requestOf(
  refs: string[],
  options: RepairOptions,
  paths: ReturnType<typeof pathsNamed>,
): RepairRequest {
  const days = dateRangeOption(options);
  const shards = shardsOf(options);
  const common = { write: options.write ?? false, bury: options.bury ?? null };
  if (refs.length === 0) return { ...common, days, shards, leaves: null };
  if (days !== null || shards !== null) {
    throw new UsageError('either leaves, or --from and --to (and --couple)');
  }
  const now = new Date().toISOString();
  const leaves = refs.map((ref) => {
    const { path, leaf } = leafOfRef(ref, paths, now);
    return { path: path.name, parts: leaf.parts };
  });
  return { ...common, days: null, shards: null, leaves };
}

const SAYS: Record<RepairOutcome, string> = {
  would_write: 'would be set to what RTDB holds',
  would_bury: 'would be buried: RTDB holds nothing',
  written: 'set to what RTDB holds',
  buried: 'buried: RTDB holds nothing',
  changed: 'left alone: it changed meanwhile',
  refused: 'left alone: the mirror refuses what RTDB holds',
  retained: 'left alone: its day is beyond retention',
  claimed: 'left alone: an old phone claims it',
  not_buried: 'left alone: too many to bury',
};

const MAX_VALUE_CHARS = 60;
const MAX_NAMED = 20;

/** One row that differs, and what became of it. */
function formatStep({ key, outcome }: RepairStep): string {
  const { ref, rtdb, row, state, columns } = key;
  const inPostgres = row === null ? 'no row' : row.isTombstone ? 'a tombstone' : short(row.payload);
  const inRtdb = rtdb === null ? 'nothing' : short(rtdb);
  const names = Object.keys(columns).join(', ');
  const stores =
    state === 'column_mismatch'
      ? `columns that don't follow from the value: ${names}`
      : `RTDB: ${inRtdb}, Postgres: ${inPostgres}`;
  return `${printable(ref)}\n  ${printable(stores)}: ${SAYS[outcome]}\n`;
}

/** How many of each, and what is to be done. */
function formatTotals(
  totals: ReadonlyMap<RepairOutcome, number>,
  { live, toBury, mayBury, failed }: RepairSummary,
  isWrite: boolean,
): string {
  const lines = [...totals].map(([outcome, count]) => `${count} ${SAYS[outcome]}`);
  if (totals.size === 0 && failed.length === 0) lines.push('Nothing differs.');
  if (toBury > mayBury) {
    lines.push(
      `RTDB holds nothing for ${toBury} of ${live} live rows: more than repair buries by itself. ` +
        `If RTDB is right, add --bury ${toBury}.`,
    );
  }
  if (!isWrite && (totals.has('would_write') || totals.has('would_bury'))) {
    lines.push('Nothing was written: add --write to do it.');
  }
  if (totals.has('written') || totals.has('buried')) {
    lines.push(
      'A reading of these shards is due: the report counts them once it was made (mirror reconcile).',
    );
  }
  for (const { shard, error } of failed.slice(0, MAX_NAMED)) {
    lines.push(printable(`Not looked at: ${shard}: ${error}`));
  }
  return `${lines.join('\n')}\n`;
}

/** What `--columns` did of one path. */
function formatColumns(path: string, summary: ColumnsSummary, isWrite: boolean): string {
  const { rows, differing, written, failed, isDone } = summary;
  const lines = [
    `${path}: of ${rows} rows, ${differing} show columns that don't follow from their payload.`,
  ];
  if (isWrite) lines.push(`${written} of them were set.${isDone ? '' : ' Not all: do it again.'}`);
  else if (differing > 0) lines.push('Nothing was written: add --write to do it.');
  for (const { shard, error } of failed.slice(0, MAX_NAMED)) {
    lines.push(printable(`Not done: ${shard}: ${error}`));
  }
  return `${lines.join('\n')}\n`;
}

function short(value: unknown): string {
  return printableValue(value, MAX_VALUE_CHARS);
}
