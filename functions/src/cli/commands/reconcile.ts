import { hostname } from 'node:os';
import type { Command } from 'commander';
import {
  DATABASE_CLOCK,
  parseClock,
  parseRun,
  READ_RUN,
  type RunRow,
} from '../../completions-only/postgres/reconcile-runs';
import { dateRangeIssue, recentDays } from '../../completions-only/reconcile/date-range';
import { openRun, resumeRun } from '../../completions-only/reconcile/open-run';
import type {
  ReconcileContext,
  ReconcileRequest,
  RunSummary,
} from '../../completions-only/reconcile/reconcile';
import { workOn } from '../../completions-only/reconcile/run-reconcile';
import { UsageError } from '../../errors/mirror-error';
import type { Statements } from '../../postgres/statements';
import type { CommandContext } from '../context';
import { coupleOption, wholeNumber } from '../options';
import { jsonLine, printable } from '../printable';
import { createProgress } from '../progress';
import { type StoreOptions, withStoreOptions, withStores } from '../with-stores';

interface ReconcileOptions extends StoreOptions {
  from?: string;
  to?: string;
  couple?: string[];
  graceSeconds?: number;
  concurrency: number;
  resume?: true;
  json?: true;
}

/** A worker on another machine may be between two signs of life, which come every ten seconds. */
const SILENT_SECONDS = 30;

/** `mirror reconcile`: compares RTDB with Postgres; writes nothing but what it found. */
export function registerReconcile(program: Command, context: CommandContext): void {
  const command = program
    .command('reconcile')
    .description('compare RTDB with Postgres and log what differs; changes no completion')
    .option('--from <date>', 'first day, YYYY-MM-DD (default: by RECONCILE_DAYS)')
    .option('--to <date>', 'last day (default: tomorrow, for phones ahead of UTC)')
    .option(
      '--couple <id...>',
      'only these couples; such a run does not count for the gate',
      coupleOption,
    )
    .option(
      '--grace-seconds <n>',
      'how long a difference may be on its way (default: RECONCILE_GRACE_SECONDS, 30)',
      wholeNumber('--grace-seconds', 0, 3_600),
    )
    .option(
      '--concurrency <n>',
      'requests to RTDB at once',
      wholeNumber('--concurrency', 1, 256),
      16,
    )
    .option('--resume', 'take up the newest run that was not finished')
    .option('--json', 'print one JSON object');
  withStoreOptions(command).action((options: ReconcileOptions) => reconcile(options, context));
}

async function reconcile(options: ReconcileOptions, command: CommandContext): Promise<void> {
  if (options.resume && (options.from || options.to || options.couple)) {
    throw new UsageError('--resume goes on with what the run was asked: it takes no range');
  }
  const summary = await withStores(command.env, options, async (statements, rtdb) => {
    const progress = createProgress(command, 'couples');
    const context: ReconcileContext = {
      statements,
      rtdb,
      retentionDays: settingOf(command.env, 'RETENTION_DAYS', 0),
      concurrency: options.concurrency,
      onProgress: ({ couples }) => progress.update(couples),
      onHoursNotCounted: (error) => {
        const reason = error instanceof Error ? error.message : String(error);
        command.writeError(
          `mirror: the dashboard's hourly figures were not counted: ${printable(reason)}\n`,
        );
      },
    };
    const { request, open } = options.resume
      ? await takeUp(options, context, command)
      : await begin(options, context, command);
    progress.start(open.shards.reduce((sum, { couples }) => sum + couples.length, 0));
    try {
      return await workOn(open, request, context);
    } finally {
      progress.stop();
    }
  });
  command.writeOut(options.json ? jsonLine(summary) : formatRun(summary));
}

async function begin(
  options: ReconcileOptions,
  context: ReconcileContext,
  { env }: CommandContext,
) {
  const now = parseClock(await context.statements.run(DATABASE_CLOCK, []));
  const recent = recentDays(new Date(now), settingOf(env, 'RECONCILE_DAYS', 2, 1));
  const graceSeconds = options.graceSeconds ?? settingOf(env, 'RECONCILE_GRACE_SECONDS', 30);
  const request: ReconcileRequest = {
    fromDate: options.from ?? recent.fromDate,
    toDate: options.to ?? recent.toDate,
    graceMs: graceSeconds * 1000,
    couples: options.couple ?? null,
  };
  const issue = dateRangeIssue(request);
  if (issue !== null) throw new UsageError(`--from, --to: ${issue}`);
  return { request, open: await openRun(request, context, workerName()) };
}

async function takeUp(
  options: ReconcileOptions,
  context: ReconcileContext,
  { env }: CommandContext,
) {
  const run = await unfinishedRun(context.statements);
  const graceSeconds = options.graceSeconds ?? settingOf(env, 'RECONCILE_GRACE_SECONDS', 30);
  const request: ReconcileRequest = {
    fromDate: run.from_date,
    toDate: run.to_date,
    graceMs: run.config.grace_ms ?? graceSeconds * 1000,
    couples: run.config.couples ?? null,
  };
  return { request, open: await resumeRun(run.id, request, context, workerName()) };
}

async function unfinishedRun(statements: Statements): Promise<RunRow> {
  const run = parseRun(await statements.run(READ_RUN, [null]));
  if (run === null) throw new UsageError('--resume: there is no run that is not finished');
  const silence = run.seconds_since_beat ?? Number.POSITIVE_INFINITY;
  if (run.status === 'running' && silence < SILENT_SECONDS && !isDeadHere(run.worker)) {
    const seconds = Math.round(silence);
    throw new UsageError(
      `--resume: run ${run.id} is at work: its last sign of life was ${seconds} s ago`,
    );
  }
  return run;
}

function workerName(): string {
  return `${hostname()} ${process.pid}`;
}

/** A worker on this machine that has ended need not be waited for. */
function isDeadHere(worker: string | null): boolean {
  const [host, pid] = worker?.split(' ') ?? [];
  if (host !== hostname() || pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
    return Number(pid) === process.pid;
  } catch (error) {
    // EPERM: it lives, and is another user's.
    return (error as NodeJS.ErrnoException).code !== 'EPERM';
  }
}

function settingOf(env: CommandContext['env'], name: string, byDefault: number, least = 0): number {
  const text = env[name];
  return text ? wholeNumber(name, least, 36_500)(text) : byDefault;
}

/** A run in words, for a terminal. */
function formatRun(run: RunSummary): string {
  const compared = run.matched + run.missingInPostgres + run.missingInRtdb + run.valueMismatch;
  const lines = [
    `Run ${run.runId}, ${run.fromDate} to ${run.toDate}: ${run.status}`,
    `  ${run.couples} couples, ${compared} completions compared, ${rateOf(run)}`,
    `  matched ${run.matched}, missing in Postgres ${run.missingInPostgres}, ` +
      `missing in RTDB ${run.missingInRtdb}, values differ ${run.valueMismatch}, ` +
      `in flight ${run.inFlight}`,
    `  read ${run.rtdbBytes} bytes of RTDB in ${run.rtdbMs} ms, Postgres in ${run.postgresMs} ms`,
  ];
  return `${lines.join('\n')}\n`;
}

function rateOf({ consistency }: RunSummary): string {
  if (consistency === null) return 'so nothing is proven';
  // Cut, not rounded: 99.9996% is not all of it.
  return `${(Math.floor(consistency * 1_000_000) / 10_000).toFixed(4)}% consistent`;
}
