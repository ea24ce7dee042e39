import type { Command } from 'commander';
import { DATABASE_CLOCK, parseClock } from '../../completions-only/postgres/reconcile-runs';
import type { GateAnswer } from '../../completions-only/reconcile/gate';
import { GATE_DEFAULTS } from '../../completions-only/reconcile/gate-defaults';
import { parseThreshold } from '../../completions-only/reconcile/rate';
import type { GateQuestion } from '../../completions-only/reconcile/read-gate';
import { readReport } from '../../completions-only/reconcile/read-report';
import { parseDurationMs } from '../../completions-only/reconcile/window';
import { UsageError } from '../../errors/mirror-error';
import type { Statements } from '../../postgres/statements';
import { normalizeInstant } from '../../values/event-time';
import type { CommandContext, ExitCode, ExitWith } from '../context';
import { withDatabaseUrlOption } from '../database-url';
import { formatReport, reportJson } from '../format-report';
import { withPostgres } from '../open-postgres';
import { wholeNumber } from '../options';
import { jsonLine } from '../printable';
import { readStores } from '../read-stores';

interface ReportOptions {
  databaseUrlEnv: string;
  window: string;
  threshold: string;
  minSample: number;
  asOf?: string;
  witnesses?: true;
  json?: true;
}

const EXIT_CODES: Record<GateAnswer['verdict'], ExitCode> = {
  ready: 0,
  not_ready: 1,
  cannot_tell: 2,
};

/** `mirror report`: the gate. Exit code 0 when it holds, 1 when not, 2 when nobody can tell. */
export function registerReport(
  program: Command,
  context: CommandContext,
  exitWith: ExitWith,
): void {
  const command = program
    .command('report')
    .description("tell whether Postgres agrees with RTDB: exit 0 = yes, 1 = no, 2 = can't tell")
    .option('--window <length>', 'how far back, such as 24h, 90m or 7d', GATE_DEFAULTS.window)
    .option(
      '--threshold <rate>',
      'what the raw rate must reach, above 0 and up to 1',
      GATE_DEFAULTS.threshold,
    )
    .option(
      '--min-sample <n>',
      'how many keys must have been compared',
      wholeNumber('--min-sample', 0, 1_000_000_000),
      GATE_DEFAULTS.minSample,
    )
    .option('--as-of <instant>', "end of the window, ISO 8601 (default: the database's clock)")
    .option('--witnesses', 'what RTDB and the phones themselves told, side by side')
    .option('--json', 'print one JSON object');
  withDatabaseUrlOption(command).action((options: ReportOptions) =>
    report(options, context, exitWith),
  );
}

/** Asks the gate and prints what it says. */
async function report(
  options: ReportOptions,
  context: CommandContext,
  exitWith: ExitWith,
): Promise<void> {
  const question = questionOf(options);
  const found = await readStores(() =>
    withPostgres(context.env, options.databaseUrlEnv, async (statements) => {
      await refuseFuture(question, statements);
      return readReport(statements, question, options.witnesses === true);
    }),
  );
  context.writeOut(options.json ? jsonLine(reportJson(found, question)) : formatReport(found));
  exitWith(EXIT_CODES[found.gate.verdict]);
}

/** Nobody knows yet what a window that has not ended will hold. */
async function refuseFuture({ asOf }: GateQuestion, statements: Statements): Promise<void> {
  if (asOf === null) return;
  const now = parseClock(await statements.run(DATABASE_CLOCK, []));
  if (asOf > now) {
    throw new UsageError(`--as-of: ${asOf} is yet to come; the database's clock shows ${now}`);
  }
}

function questionOf(options: ReportOptions): GateQuestion {
  const windowMs = parseDurationMs(options.window);
  if (windowMs === null) {
    throw new UsageError('--window: expected a length such as 24h, 90m or 7d, up to 366d');
  }
  const threshold = parseThreshold(options.threshold);
  if (threshold === null) {
    throw new UsageError('--threshold: expected a decimal above 0 and up to 1, such as 0.99');
  }
  const asOf = options.asOf === undefined ? null : normalizeInstant(options.asOf);
  if (options.asOf !== undefined && asOf === null) {
    throw new UsageError('--as-of: expected an instant such as 2026-11-23T09:00:00Z');
  }
  return { windowMs, threshold, minSample: options.minSample, asOf };
}
