import { DatabaseError } from 'pg';
import { type ErrorCode, MirrorError } from '../errors/mirror-error';
import { ANY_SETUP_REMEDY, SETUP_REMEDIES } from '../errors/setup-remedies';
import { printable } from '../values/printable';
import { ConnectError } from './connect-error';
import { blameOf, isInTrigger, OWN_SQL, sqlstateOf } from './sqlstate';

/** A failure of Postgres' as the logs may show it. */
class PostgresError extends MirrorError {
  override name = 'PostgresError';

  constructor(problem: string, code: ErrorCode = 'POSTGRES_FAILED') {
    super(problem, { code });
  }
}

/**
 * What may be thrown at the platform, which logs it whole, its cause included: message, detail and hint of a
 * server's error may repeat a row, with its user ids and payload; a failed connect names the host.
 * Errors that are not Postgres' stay as they are.
 */
export function loggableFailure(error: unknown): unknown {
  if (error instanceof ConnectError) return new PostgresError(error.message, error.code);
  const sqlstate = sqlstateOf(error);
  if (sqlstate === null) return error;
  const hint = setupHint(error);
  return new PostgresError(`Postgres failed: SQLSTATE ${sqlstate}${hint ? `: ${hint}` : ''}`);
}

/** Lets work fail only by what may be logged. */
export function failingLoggably<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw loggableFailure(error);
  });
}

/** Where the server's message names what the text of a statement names, and nothing of a row. */
const NAMES_OF_STATEMENTS = [
  'parserOpenTable',
  'ParseFuncOrColumn',
  'errorMissingColumn',
  'aclcheck_error',
];
/** And these, where the statement is the mirror's own. */
const NAMES_IN_OWN_STATEMENTS = [
  'exec_stmt_raise',
  'get_namespace_oid',
  'LookupExplicitNamespace',
  'ExecWithCheckOptions',
];

const TRIGGER_REMEDY = 'see "Triggers of your own" in docs/tables.md';

/**
 * What is missing and which command helps, in one line; null for failures that are not of the set-up. Names
 * tables, functions and schemas, never what a row holds.
 */
export function setupHint(error: unknown): string | null {
  if (!(error instanceof DatabaseError) || blameOf(error) !== 'setup') return null;
  const sqlstate = error.code ?? '';
  if (isInTrigger(error)) {
    const trigger = triggerIn(error.where ?? '');
    const place = trigger === null ? 'a trigger' : `the trigger function ${trigger}`;
    return `${nameOfMissing(error)} in ${place}: ${TRIGGER_REMEDY}`;
  }
  const remedy = SETUP_REMEDIES.get(sqlstate)?.remedy ?? ANY_SETUP_REMEDY;
  return `${nameOfMissing(error)}: ${remedy}`;
}

function nameOfMissing({ code, message, routine = '', where = '' }: DatabaseError): string {
  const inTrigger = where.includes('\n');
  const isNamed =
    NAMES_OF_STATEMENTS.includes(routine) ||
    (!inTrigger && NAMES_IN_OWN_STATEMENTS.includes(routine));
  // A statement that a trigger put together may name what a row holds.
  if (!isNamed || where.includes(' EXECUTE')) return `SQLSTATE ${code}`;
  return printable(message.split('\n')[0] ?? '').slice(0, 200);
}

/** A trigger's function has no arguments; what follows its line is what set it off. */
function triggerIn(where: string): string | null {
  const lines = where.split('\n');
  const own = lines.findIndex((line) => line.includes(`"${OWN_SQL.opening}`));
  const line = own < 0 ? lines.at(-1) : lines[own - 1];
  return /([\w.$]+\(\))/.exec(line ?? '')?.[1] ?? null;
}
