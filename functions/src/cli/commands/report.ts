import { type Command, Option } from 'commander';
import { postgresConfig } from '../../deploy/settings';
import { UsageError } from '../../errors/mirror-error';
import { declaredPaths } from '../../gate/evidence';
import type { GateAnswer } from '../../gate/gate';
import { parseThreshold } from '../../gate/rate';
import { DATABASE_CLOCK } from '../../gate/rates';
import {
  type GateQuestion,
  readGate,
  readGateAsOf,
  settingsOf,
  THRESHOLD,
} from '../../gate/read-gate';
import type { Statements } from '../../postgres/statements';
import { PROOF_TIMES } from '../../readings/proof-times';
import type { RtdbAccess } from '../../rtdb/rtdb-client';
import { identityOf } from '../../rtdb/rtdb-database';
import { expectOwnRtdb, nameOfRtdb, RTDB_IDENTITY } from '../../rtdb/rtdb-identity';
import { normalizeInstant } from '../../values/event-time';
import type { ExitCode, ExitWith, VerbContext } from '../context';
import { withDatabaseUrlOption } from '../database-url';
import { formatReport } from '../format-report';
import { withPostgres } from '../open-postgres';
import { coupleOption, lengthOfTime } from '../options';
import { jsonLine } from '../printable';
import { CannotTellError, readStores } from '../read-stores';
import { type Report, reportJson } from '../report-json';
import { rtdbFromEnvironment } from '../rtdb-from-environment';
import { glanceAtUnmirrored } from '../unmirrored-trees';

interface ReportOptions {
  databaseUrlEnv: string;
  window: number;
  threshold: number;
  maxAge: number;
  path?: string[];
  couple?: string;
  asOf?: string;
  json?: true;
}

const EXIT_CODES: Record<GateAnswer['verdict'], ExitCode> = {
  ready: 0,
  not_ready: 1,
  cannot_tell: 2,
};
/** Any of these names an RTDB. */
const RTDB_VARIABLES = ['FIREBASE_DATABASE_EMULATOR_HOST', 'RTDB_URL', 'RTDB_INSTANCE'];

/** `mirror report`: the gate. Exit code 0 when it holds, 1 when not, 2 when nobody can tell. */
export function registerReport(program: Command, context: VerbContext, exitWith: ExitWith): void {
  const command = program
    .command('report')
    .description("tell whether Postgres agrees with RTDB: exit 0 = yes, 1 = no, 2 = can't tell")
    .option('--path <name...>', 'only these paths (default: every mirrored path)')
    .option('--couple <id>', 'one couple, which has to agree in all', oneCouple)
    .option(
      '--threshold <rate>',
      'what both rates must reach, above 0 and up to 1',
      threshold,
      THRESHOLD,
    )
    .addOption(
      new Option('--window <length>', 'how far back writes count')
        .argParser(day)
        .default(PROOF_TIMES.windowMs, '24h, and no other'),
    )
    .addOption(
      new Option('--max-age <length>', 'how old the readings may be, up to 48h')
        .argParser(maxAge)
        .default(PROOF_TIMES.maxAgeMs, '2h'),
    )
    .option('--as-of <instant>', 'what was known then, ISO 8601, by the answers kept each hour')
    .option('--json', 'print one JSON object');
  withDatabaseUrlOption(command).action((options: ReportOptions) =>
    report(options, context, exitWith),
  );
}

/** Asks the gate and prints what it says. */
async function report(
  options: ReportOptions,
  { env, writeOut, declared }: VerbContext,
  exitWith: ExitWith,
): Promise<void> {
  const asOf = options.asOf === undefined ? null : normalizeInstant(options.asOf);
  if (options.asOf !== undefined && asOf === null) {
    throw new UsageError('--as-of: expected an instant such as 2026-11-23T09:00:00Z');
  }
  if (asOf !== null && options.couple !== undefined) {
    throw new UsageError('--as-of: what was known of one couple is not kept; leave out --couple');
  }
  const question = {
    paths: options.path ?? null,
    couple: options.couple ?? null,
    threshold: options.threshold,
    maxAgeMs: options.maxAge,
  };
  const found = await readStores(() =>
    withPostgres(env, options.databaseUrlEnv, async (statements) => {
      await expectNamedRtdb(statements, env);
      await expectPaths(statements, question.paths);
      const identity = await RTDB_IDENTITY.first(statements);
      const { host, port, database } = postgresConfig(env, options.databaseUrlEnv);
      const isOfAll = asOf === null && question.couple === null;
      const [asked, unmirrored] = await Promise.all([
        ask(statements, question, asOf),
        isOfAll ? glanceAtUnmirrored(namedRtdb(env), declared) : null,
      ]);
      return {
        ...asked,
        unmirrored,
        ...settingsOf(question),
        windowMs: PROOF_TIMES.windowMs,
        rtdb: identity && nameOfRtdb(identity),
        postgres: `${host}:${port}/${database}`,
        asOf,
      };
    }),
  );
  writeOut(options.json ? jsonLine(reportJson(found)) : formatReport(found));
  exitWith(EXIT_CODES[found.answer.verdict]);
}

async function ask(
  statements: Statements,
  question: GateQuestion,
  asOf: string | null,
): Promise<Pick<Report, 'answer' | 'evidence'>> {
  if (asOf !== null) {
    await refuseFuture(asOf, statements);
    const answer = await readGateAsOf(statements, question, asOf);
    if (answer === null) throw new CannotTellError(`Can't tell: no answer was kept until ${asOf}.`);
    return { answer, evidence: [] };
  }
  const { evidence, ...answer } = await readGate(statements, question, PROOF_TIMES);
  if (question.couple !== null && evidence.length === 0) {
    throw new CannotTellError(
      `Can't tell: nothing was read of the couple ${question.couple} yet. Run \`mirror reconcile\`.`,
    );
  }
  return { answer, evidence };
}

/** An environment that names another RTDB than this database mirrors is a mistake, though nothing is read there. */
async function expectNamedRtdb(statements: Statements, env: VerbContext['env']): Promise<void> {
  if (!RTDB_VARIABLES.some((name) => env[name])) return;
  await expectOwnRtdb(statements, identityOf(rtdbFromEnvironment(env).database), 'leave');
}

function namedRtdb(env: VerbContext['env']): RtdbAccess | { problem: string } {
  if (RTDB_VARIABLES.some((name) => env[name])) return rtdbFromEnvironment(env);
  return { problem: `${RTDB_VARIABLES.join(', ')}: none of them names RTDB` };
}

async function expectPaths(statements: Statements, names: readonly string[] | null): Promise<void> {
  if (names === null) return;
  const declared = await declaredPaths(statements);
  const unknown = names.find((name) => !declared.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`--path: ${unknown} is not mirrored; there are ${declared.join(', ')}`);
  }
}

/** Nobody knows yet. */
async function refuseFuture(asOf: string, statements: Statements): Promise<void> {
  const { now } = await DATABASE_CLOCK.one(statements);
  if (asOf > now) {
    throw new UsageError(`--as-of: ${asOf} is yet to come; the database's clock shows ${now}`);
  }
}

function threshold(text: string): number {
  const value = parseThreshold(text);
  if (value === null) {
    throw new UsageError('--threshold: expected a decimal above 0 and up to 1, such as 0.99');
  }
  return value;
}

/** A verdict by older readings would say nothing of the mirror as it is. */
function maxAge(text: string): number {
  const ms = lengthOfTime('--max-age')(text);
  if (ms > 2 * PROOF_TIMES.windowMs) {
    throw new UsageError('--max-age: expected up to 48h; older readings say nothing of today');
  }
  return ms;
}

/** Readings count what was written in a day: of another window they can't tell. */
function day(text: string): number {
  const ms = lengthOfTime('--window')(text);
  if (ms !== PROOF_TIMES.windowMs) {
    throw new UsageError('--window: readings count the writes of 24h; there is no other window');
  }
  return ms;
}

function oneCouple(id: string): string {
  return coupleOption(id, undefined)[0] ?? id;
}
