import type { Command } from 'commander';
import {
  type RepairOutcome,
  type RepairRequest,
  type RepairStep,
  repair,
} from '../../completions-only/reconcile/repair';
import { read } from '../../deploy/settings';
import { UsageError } from '../../errors/mirror-error';
import { type CompletionKey, completionPath } from '../../paths/quest-completions/completion-path';
import type { CommandContext } from '../context';
import { coupleOption } from '../couple-option';
import { dateRangeOption } from '../date-range-option';
import { parseRef } from '../explain/parse-ref';
import { wholeNumber } from '../options';
import { jsonLine } from '../printable';
import { formatStep, formatTotals } from '../repair/format-repair';
import { type StoreOptions, withStoreOptions, withStores } from '../with-stores';

interface RepairOptions extends StoreOptions {
  from?: string;
  to?: string;
  couple?: string[];
  write?: true;
  retentionDays?: number;
  json?: true;
}

/** `mirror repair`: sets rows that differ to what RTDB holds; without `--write` it only shows them. */
export function registerRepair(program: Command, context: CommandContext): void {
  const command = program
    .command('repair')
    .argument('[ref...]', 'only these leaves: daily_quests/…/completions/…/…')
    .description('set rows that differ to what RTDB holds (a dry run without --write)')
    .option('--from <date>', 'first day, YYYY-MM-DD')
    .option('--to <date>', 'last day')
    .option('--couple <id...>', 'only these couples', coupleOption)
    .option('--write', 'write; a row that changed since it was compared is left alone')
    .option(
      '--retention-days <n>',
      'how old a day may be in RTDB (default: RETENTION_DAYS; 0 = kept for ever)',
      wholeNumber('--retention-days', 0, 36_500),
    )
    .option('--json', 'print one JSON object');
  withStoreOptions(command).action((refs: string[], options: RepairOptions) =>
    runRepair(refs, options, context),
  );
}

async function runRepair(
  refs: string[],
  options: RepairOptions,
  { env, writeOut }: CommandContext,
): Promise<void> {
  const request = requestOf(refs, options);
  const retentionDays = options.retentionDays ?? read(env, 'RETENTION_DAYS') ?? 0;
  const totals = new Map<RepairOutcome, number>();
  const steps: RepairStep[] = [];
  await withStores(env, options, async (statements, rtdb) => {
    for await (const step of repair(request, { statements, rtdb, retentionDays })) {
      totals.set(step.outcome, (totals.get(step.outcome) ?? 0) + 1);
      if (options.json) steps.push(step);
      else writeOut(formatStep(step));
    }
  });
  if (options.json) {
    const differences = steps.map(({ outcome, difference: { key, kind } }) => ({
      ref: completionPath(key),
      kind,
      outcome,
    }));
    writeOut(jsonLine({ ...Object.fromEntries(totals), differences }));
  } else writeOut(formatTotals(totals));
}

function requestOf(refs: string[], options: RepairOptions): RepairRequest {
  const write = options.write ?? false;
  if (refs.length === 0) {
    return { ...dateRangeOption(options), couples: options.couple ?? null, leaves: null, write };
  }
  if (options.from || options.to || options.couple) {
    throw new UsageError('either leaves, or --from and --to (and --couple)');
  }
  const keys: CompletionKey[] = refs.map(parseRef);
  const dates = keys.map(({ dateKey }) => dateKey).sort();
  return {
    fromDate: dates[0] ?? '',
    toDate: dates.at(-1) ?? '',
    couples: keys.map(({ coupleId }) => coupleId),
    leaves: new Set(keys.map(completionPath)),
    write,
  };
}
