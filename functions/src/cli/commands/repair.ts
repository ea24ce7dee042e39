import { type Command, Option } from 'commander';
import { read } from '../../deploy/settings';
import { UsageError } from '../../errors/usage-error';
import { leafOfRef } from '../../explain/leaf-of-ref';
import { explainDifferences } from '../../readings/explain-differences';
import { PROOF_TIMES } from '../../readings/proof-times';
import { rtdbShards } from '../../readings/rtdb-shards';
import { type ColumnsSummary, recomputeColumns } from '../../repair/recompute-columns';
import { type RepairContext, type RepairRequest, repair } from '../../repair/repair';
import type { RepairOutcome, RepairStep } from '../../repair/repair-shard';
import type { CommandContext, ExitWith } from '../context';
import { dateRangeOption } from '../date-range-option';
import { withPostgres } from '../open-postgres';
import { wholeNumber } from '../options';
import { pathsNamed, withPathOption } from '../path-option';
import { jsonLine } from '../printable';
import { formatColumns, formatStep, formatTotals } from '../repair/format-repair';
import { type ShardOptions, shardsOf, withShardOption } from '../shard-option';
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
export function registerRepair(
  program: Command,
  context: CommandContext,
  exitWith: ExitWith,
): void {
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
      'how old a day may be in RTDB (default: RETENTION_DAYS; 0 = kept for ever)',
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
  { env, writeOut }: CommandContext,
  exitWith: ExitWith,
): Promise<void> {
  const paths = pathsNamed(options.path);
  const request = requestOf(refs, options, paths);
  const retentionDays = options.retentionDays ?? read(env, 'RETENTION_DAYS') ?? 0;
  const totals = new Map<RepairOutcome, number>();
  const steps: RepairStep[] = [];
  const summary = await withStores(env, options, (statements, _, access) => {
    const context: RepairContext = {
      ...{ statements, rtdb: rtdbShards(access), paths, retentionDays, times: PROOF_TIMES },
      concurrency: options.concurrency,
      explain: (differences, looked) => explainDifferences(differences, looked, { statements }),
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
  { env, writeOut }: CommandContext,
  exitWith: ExitWith,
): Promise<void> {
  if (refs.length > 0) throw new UsageError('--columns takes paths (--path), not leaves');
  const paths = pathsNamed(options.path);
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
