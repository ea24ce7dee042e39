import { type Command, Option } from 'commander';
import {
  type BackfillContext,
  type BackfillSummary,
  type OpenBackfill,
  openBackfill,
  resumeBackfill,
  runBackfill,
  tryBackfill,
} from '../../backfill/backfill';
import type { BackfillCounts, BackfillRequest } from '../../backfill/books';
import { backfillFromBackup } from '../../backfill/fill-from-backup';
import { rangesOfGaps } from '../../backfill/gap-days';
import { openReadings } from '../../deploy/from-environment';
import { UsageError } from '../../errors/mirror-error';
import type { Statements } from '../../postgres/statements';
import type { CommandContext, ExitWith, VerbContext } from '../context';
import {
  dateRangeOption,
  pathsNamed,
  type ShardOptions,
  shardsOf,
  wholeNumber,
  withPathOption,
  withShardOption,
} from '../options';
import { jsonLine, printable } from '../printable';
import { createProgress, type Progress } from '../progress';
import { type BackupOptions, refuseLoneTime, withBackup, withBackupOption } from '../with-backup';
import { type StoreOptions, withStoreOptions, withStores } from '../with-stores';

interface BackfillOptions extends StoreOptions, ShardOptions, BackupOptions {
  path?: string[];
  from?: string;
  to?: string;
  gaps?: true;
  resume?: true;
  dryRun?: true;
  concurrency: number;
  json?: true;
}

/** `mirror backfill`: inserts what RTDB holds and Postgres has no row for. */
export function registerBackfill(program: Command, context: VerbContext, exitWith: ExitWith): void {
  const command = program
    .command('backfill')
    .description('insert what RTDB holds and Postgres has no row for; changes no row')
    .option('--from <date>', 'first day, YYYY-MM-DD, of paths with a day; others are read whole')
    .option('--to <date>', 'last day')
    .addOption(
      new Option(
        '--gaps',
        'what was written while mirroring was not fully on (mirror.coverage)',
      ).conflicts(['from', 'to']),
    )
    .addOption(
      new Option('--resume', 'go on with the newest backfill that was not finished').conflicts([
        ...['path', 'from', 'to', 'couple', 'shard', 'gaps', 'dryRun'],
      ]),
    )
    .option('--dry-run', 'count what is missing, write nothing')
    .option('--concurrency <n>', 'shards at once', wholeNumber('--concurrency', 1, 256), 16)
    .option('--json', 'print one JSON object');
  withBackupOption(command, ['from', 'to', 'gaps', 'resume']);
  withStoreOptions(withShardOption(withPathOption(command))).action((options: BackfillOptions) =>
    backfill(options, context, exitWith),
  );
}

async function backfill(
  options: BackfillOptions,
  command: VerbContext,
  exitWith: ExitWith,
): Promise<void> {
  const paths = pathsNamed(options.path, command.declared().paths);
  const days = dateRangeOption(options);
  refuseLoneTime(options);
  await withStores(command, options, async (statements, access) => {
    const progress = createProgress(command, 'shards');
    const context: BackfillContext = {
      ...openReadings(command.env, paths, { statements, rtdb: access }),
      concurrency: options.concurrency,
      countsUnexplained: options.gaps ?? false,
      onProgress: follow(progress),
    };
    const resumed = options.resume ? await unfinished(context) : null;
    const request =
      resumed?.request ??
      (options.gaps
        ? await requestOfGaps(options, paths, statements)
        : {
            paths: paths.map(({ name, dayColumn }) => ({
              path: name,
              ranges: days === null || dayColumn === null ? null : [days],
            })),
            shards: shardsOf(options),
          });
    if (request.paths.length === 0) {
      const text = 'Mirroring was fully on all the time: there is nothing to backfill.\n';
      command.writeOut(options.json ? jsonLine({ inserted: 0 }) : text);
      return;
    }
    const fill = async () => {
      if (options.backup !== undefined)
        return fillFromBackup(options, command, context, access.database.instance);
      if (options.dryRun) return tryBackfill(request, context);
      return runBackfill(resumed ?? (await openBackfill(request, context)), context);
    };
    const summary = await fill().finally(progress.stop);
    const { total, ...rest } = summary;
    command.writeOut(
      options.json
        ? jsonLine({ ...total, ...rest })
        : formatBackfill(summary, request, {
            isGaps: options.gaps ?? false,
            isBackup: options.backup !== undefined,
          }),
    );
    if (summary.failed.length > 0) exitWith(1);
  });
}

function fillFromBackup(
  options: BackfillOptions,
  command: CommandContext,
  context: BackfillContext,
  instance: string,
): Promise<BackfillSummary> {
  const { statements, paths, retentionDays } = context;
  const shards = shardsOf(options);
  const stores = { statements, instance, paths, databaseUrlEnv: options.databaseUrlEnv };
  return withBackup(options, command, stores, ({ comparisons, takenAt, columnsDue }) => {
    const only = shards === null ? null : new Set(shards);
    const scope = { takenAt, columnsDue, retentionDays, shards: only };
    return backfillFromBackup(comparisons, scope, options.dryRun ?? false, context);
  });
}

async function requestOfGaps(
  options: BackfillOptions,
  paths: ReturnType<typeof pathsNamed>,
  statements: Statements,
): Promise<BackfillRequest> {
  const wanted: BackfillRequest['paths'] = [];
  for (const path of paths) {
    const ranges = await rangesOfGaps(path, statements);
    if (ranges === null || ranges.length > 0) wanted.push({ path: path.name, ranges });
  }
  return { paths: wanted, shards: shardsOf(options) };
}

async function unfinished(context: BackfillContext): Promise<OpenBackfill> {
  const found = await resumeBackfill(context);
  if (found === null) throw new UsageError('--resume: no unfinished backfill to resume');
  const known = context.paths.map(({ name }) => name);
  const gone = found.request.paths.find(({ path }) => !known.includes(path));
  if (gone !== undefined) {
    throw new UsageError(`--resume: it was to fill ${gone.path}, which isn't declared any more`);
  }
  return found;
}

function follow(progress: Progress): NonNullable<BackfillContext['onProgress']> {
  let isStarted = false;
  return (done, of) => {
    if (!isStarted) progress.start(of);
    isStarted = true;
    progress.update(done, of);
  };
}

/** What a backfill did, or would do, for a terminal. */
function formatBackfill(
  summary: BackfillSummary,
  request: BackfillRequest,
  kind: { isGaps: boolean; isBackup: boolean },
): string {
  const lines = Object.entries(summary.paths).map(([path, counts]) =>
    summary.id === null ? wouldLine(path, counts, request) : didLine(path, counts, request),
  );
  const title =
    summary.id === null ? 'Nothing was written (--dry-run).' : `Backfill ${summary.id}.`;
  return [title, ...lines, ...remarks(summary, request, kind), ''].join('\n');
}

function didLine(path: string, counts: BackfillCounts, request: BackfillRequest): string {
  const { inserted, keys, shards } = counts;
  const rest = keys === inserted ? '' : '; the others have a row';
  return `${path}${daysOf(path, request)}: inserted ${inserted} of ${keys} keys in ${shards} shards${rest}.`;
}

function wouldLine(path: string, counts: BackfillCounts, request: BackfillRequest): string {
  const { inserted, keys, shards } = counts;
  return `${path}${daysOf(path, request)}: of ${keys} keys in ${shards} shards, ${inserted} have no row and would be inserted.`;
}

function remarks(
  { id, total, failed }: BackfillSummary,
  request: BackfillRequest,
  { isGaps, isBackup }: { isGaps: boolean; isBackup: boolean },
): string[] {
  const lines: string[] = [];
  if (isGaps && id !== null && total.inserted > 0) {
    lines.push(
      total.unexplained === 0
        ? 'A gap in mirroring explains all of them.'
        : `No gap explains ${total.unexplained} of them: the mirror lost them while it was on. The divergence log names them.`,
    );
  }
  if (total.rejected > 0) {
    lines.push(`${total.rejected} leaves are refused; the divergence log names them.`);
  }
  if (total.differing > 0) {
    const days = rangesOf(request);
    const range = days === null ? '' : ` --from ${days.from} --to ${days.to}`;
    lines.push(
      `${total.differing} rows show something else than RTDB, and are left alone. ` +
        `Look at them with: mirror repair${range}`,
    );
  }
  for (const { node, shard, error } of failed.slice(0, MAX_NAMED)) {
    lines.push(printable(`Not filled: ${node}/${shard}: ${error}`));
  }
  if (failed.length > 0) {
    const again = isBackup ? 'with the same backup' : 'mirror backfill --resume';
    lines.push(`${failed.length} shards could not be filled. Again: ${again}`);
  }
  return lines;
}

const MAX_NAMED = 20;

function daysOf(path: string, { paths }: BackfillRequest): string {
  const ranges = paths.find((one) => one.path === path)?.ranges ?? null;
  return ranges === null ? '' : `, ${ranges.map(({ from, to }) => `${from} to ${to}`).join(', ')}`;
}

function rangesOf({ paths }: BackfillRequest): { from: string; to: string } | null {
  const all = paths.flatMap(({ ranges }) => ranges ?? []);
  const from = all.map((one) => one.from).sort()[0];
  const to = all
    .map((one) => one.to)
    .sort()
    .at(-1);
  return from === undefined || to === undefined ? null : { from, to };
}
