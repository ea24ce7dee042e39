import { type Command, Option } from 'commander';
import { z } from 'zod';
import { parseUnfinished, UNFINISHED_BACKFILL } from '../../completions-only/postgres/backfills';
import {
  MIRRORING_TIMES,
  parseMirroringTimes,
} from '../../completions-only/postgres/mirroring-times';
import { DATABASE_CLOCK, parseClock } from '../../completions-only/postgres/reconcile-runs';
import {
  type BackfillContext,
  type BackfillRequest,
  type OpenBackfill,
  openBackfill,
  resumeBackfill,
  runBackfill,
  tryBackfill,
} from '../../completions-only/reconcile/backfill';
import { daysOfGaps } from '../../completions-only/reconcile/gap-days';
import { UsageError } from '../../errors/mirror-error';
import type { Statements } from '../../postgres/statements';
import { formatBackfill, formatBacklog } from '../backfill/format-backfill';
import type { CommandContext } from '../context';
import { coupleOption } from '../couple-option';
import { dateRangeOption } from '../date-range-option';
import { wholeNumber } from '../options';
import { jsonLine } from '../printable';
import { createProgress, type Progress } from '../progress';
import { type StoreOptions, withStoreOptions, withStores } from '../with-stores';

interface BackfillOptions extends StoreOptions {
  from?: string;
  to?: string;
  couple?: string[];
  gaps?: true;
  resume?: true;
  dryRun?: true;
  concurrency: number;
  json?: true;
}

/** `mirror backfill`: inserts what RTDB holds and Postgres has no row for. */
export function registerBackfill(program: Command, context: CommandContext): void {
  const command = program
    .command('backfill')
    .description('insert completions that RTDB holds and Postgres has no row for; changes no row')
    .option('--from <date>', 'first day, YYYY-MM-DD')
    .option('--to <date>', 'last day')
    .option('--couple <id...>', 'only these couples', coupleOption)
    .addOption(
      new Option(
        '--gaps',
        'the days on which mirroring was not fully on (mirror.coverage)',
      ).conflicts(['from', 'to']),
    )
    .addOption(
      new Option('--resume', 'go on with the newest backfill that was not finished').conflicts([
        'from',
        'to',
        'couple',
        'gaps',
        'dryRun',
      ]),
    )
    .option('--dry-run', 'count what is missing, write nothing')
    .option(
      '--concurrency <n>',
      'requests to RTDB at once',
      wholeNumber('--concurrency', 1, 256),
      16,
    )
    .option('--json', 'print one JSON object');
  withStoreOptions(command).action((options: BackfillOptions) => backfill(options, context));
}

async function backfill(options: BackfillOptions, command: CommandContext): Promise<void> {
  if (!options.gaps && !options.resume) dateRangeOption(options);
  const print = (result: object, text: string) =>
    command.writeOut(options.json ? jsonLine(result) : text);
  await withStores(command.env, options, async (statements, rtdb) => {
    const progress = createProgress(command, 'couples');
    const { concurrency } = options;
    const onProgress = follow(progress);
    const context: BackfillContext = { statements, rtdb, concurrency, onProgress };
    const resumed = options.resume ? await unfinished(context) : null;
    const request = resumed?.request ?? (await requestOf(options, statements));
    if (request.ranges.length === 0) {
      print(
        { inserted: 0 },
        'Mirroring was fully on all the time: there is nothing to backfill.\n',
      );
      return;
    }
    try {
      if (options.dryRun) {
        const backlog = await tryBackfill(request, context);
        progress.stop();
        print(backlog, formatBacklog(backlog, request, true));
        return;
      }
      const summary = await runBackfill(resumed ?? (await openBackfill(request, context)), context);
      // What a backfill leaves alone, after a time without mirroring: changes and deletions.
      const left = options.gaps ? await tryBackfill(request, context) : null;
      progress.stop();
      print(
        { ...summary, ...(left === null ? {} : { differing: left.differing }) },
        formatBackfill(summary, request) +
          (left === null ? '' : formatBacklog(left, request, false)),
      );
    } finally {
      progress.stop();
    }
  });
}

async function requestOf(
  options: BackfillOptions,
  statements: Statements,
): Promise<BackfillRequest> {
  const couples = options.couple ?? null;
  if (!options.gaps) return { ranges: [dateRangeOption(options)], couples };
  const { gaps } = parseMirroringTimes(await statements.run(MIRRORING_TIMES, []));
  const now = new Date(parseClock(await statements.run(DATABASE_CLOCK, [])));
  return { ranges: daysOfGaps(gaps, now), couples };
}

const REQUEST = z.object({
  ranges: z.array(z.object({ fromDate: z.string(), toDate: z.string() })).min(1),
  couples: z.array(z.string()).nullable(),
});

async function unfinished(context: BackfillContext): Promise<OpenBackfill> {
  const found = parseUnfinished(await context.statements.run(UNFINISHED_BACKFILL, []));
  if (found === null) throw new UsageError('--resume: there is no backfill that is not finished');
  const { id, config, checkpoint } = found;
  return resumeBackfill({ id, request: REQUEST.parse(config), checkpoint }, context);
}

function follow(progress: Progress): NonNullable<BackfillContext['onProgress']> {
  let isStarted = false;
  return ({ couples, of }) => {
    if (!isStarted) progress.start(of);
    isStarted = true;
    progress.update(couples);
  };
}
