import { DatabaseError } from 'pg';
import { ConnectError } from './connect-error';

/**
 * Who is to blame for a failure. Source of the classes: PostgreSQL manual, appendix A.
 *
 * - `row`: this row is refused, now and on every retry.
 * - `parent`: a foreign key of the team's; the row it points to may still be on its way.
 * - `asked`: a trigger raised the SQLSTATE of a failure that passes, or of a missing part: only the
 *   writes beside it tell whether it does so for one row or for all.
 * - `busy`: this row can't be written now, its neighbours may.
 * - `setup`: something is missing or not granted, or the SQLSTATE is unknown; it may be one row's.
 * - `session`: this connection can't do the work; a new one may.
 * - `conflict`: another transaction was in the way; once more may do.
 * - `server`: it is away, full or overloaded.
 */
export type Blame =
  | 'row'
  | 'parent'
  | 'asked'
  | 'busy'
  | 'setup'
  | 'session'
  | 'conflict'
  | 'server';

/** By SQLSTATE or its class, the first two characters; what is not listed is unknown. */
const BLAME_BY_SQLSTATE: ReadonlyMap<string, Blame> = new Map<string, Blame>([
  ['09', 'row'], // triggered action exception
  ['20', 'row'], // case not found
  ['21', 'row'], // cardinality violation
  ['22', 'row'], // data exception
  ['23', 'row'], // integrity constraint violation
  ['23503', 'parent'],
  ['27', 'row'], // triggered data change violation
  ['2F', 'row'], // SQL routine exception
  ['38', 'row'], // external routine exception
  ['39', 'row'], // external routine invocation exception
  ['44', 'row'], // with check option violation
  ['54', 'row'], // program limit exceeded: an index entry that is too large, for one
  ['P0', 'row'], // PL/pgSQL error: raise, assert, no data found
  ['0A', 'setup'], // feature not supported
  ['3F', 'setup'], // invalid schema name
  ['42', 'setup'], // syntax error or access rule violation: a missing table, function, right
  ['08', 'session'], // connection exception
  ['0P', 'session'], // invalid role specification
  ['25', 'session'], // invalid transaction state: read-only, for one
  ['26', 'session'], // invalid SQL statement name
  ['28', 'session'], // invalid authorization specification
  ['2D', 'session'], // invalid transaction termination
  ['3D', 'session'], // invalid catalog name: no such database
  ['57P', 'session'], // the server ends the session
  ['40', 'conflict'], // transaction rollback: serialization failure, deadlock
  ['55', 'busy'], // object not in prerequisite state: a lock that was not available
  ['HV', 'busy'], // foreign data wrapper error
  ['XX', 'busy'], // internal error: a damaged page, for one
  ['53', 'server'], // insufficient resources
  ['57', 'server'], // operator intervention: a statement that was cancelled
  ['58', 'server'], // system error
  ['F0', 'server'], // configuration file error
]);

/** Who is to blame for what a statement or its connection threw. */
export function blameOf(error: unknown): Blame {
  if (error instanceof ConnectError) return 'server';
  // pg reports a connection that broke, or answered too late, as a plain Error.
  if (!(error instanceof DatabaseError)) return 'session';
  const sqlstate = error.code ?? '';
  const listed = listedBlame(sqlstate);
  if (isRaised(error)) return isOwnRaise(error) ? 'setup' : blameOfRaised(listed);
  if (isFatal(error)) return 'session';
  if (isInTrigger(error)) return blameInTrigger(listed, sqlstate);
  return listed ?? 'setup';
}

function listedBlame(sqlstate: string): Blame | undefined {
  for (const length of [5, 3, 2]) {
    const blame = BLAME_BY_SQLSTATE.get(sqlstate.slice(0, length));
    if (blame !== undefined) return blame;
  }
  return undefined;
}

/** `raise … using errcode` may name any SQLSTATE; the server's own failures have other routines. */
function isRaised({ routine }: DatabaseError): boolean {
  return routine === 'exec_stmt_raise';
}

/**
 * How the context of a failure (`where`) shows that the mirror's own function ran, and no trigger of the
 * team's: what its functions begin with, those that write rows, and how the statement in them begins
 * (`mirror.declare_path` in migrations/20261128000001_mirror.sql).
 */
export const OWN_SQL = {
  schema: 'mirror.',
  applyFunctions: 'mirror.apply_',
  columnCheck: 'mirror.refuse_unknown_columns(',
  opening: 'with claim as materialized',
} as const;

/** An apply function raises where its table lacks what the claims bring, and so do backfill and repair. */
function isOwnRaise({ where, routine }: DatabaseError): boolean {
  if (routine !== 'exec_stmt_raise' || where === undefined) return false;
  if (where.includes(OWN_SQL.columnCheck)) return true;
  return where.includes(OWN_SQL.applyFunctions) && !where.includes('\n');
}

function blameOfRaised(listed: Blame | undefined): Blame {
  if (listed === undefined || listed === 'row') return 'row';
  return listed === 'parent' ? 'parent' : 'asked';
}

/** The server ends the session after it; in any language, 57P01 to 57P05 are such. */
function isFatal({ severity, code }: DatabaseError): boolean {
  return severity === 'FATAL' || (code?.startsWith('57P') ?? false);
}

/** A trigger may ask another server, or set its own transaction to read-only: that isn't our session. */
function blameInTrigger(listed: Blame | undefined, sqlstate: string): Blame {
  if (listed === 'session') return sqlstate.startsWith('08') ? 'busy' : 'setup';
  return listed === 'server' ? 'busy' : (listed ?? 'setup');
}

/**
 * Whether the failure lies in code that a write sets off, which is the team's: a trigger, a check, a
 * default. `where` lists what was running, the innermost first; its words are in the server's language.
 */
export function isInTrigger({ where }: DatabaseError): boolean {
  if (where === undefined) return false;
  const start = where.indexOf(OWN_SQL.opening);
  // A deferred trigger runs when our function is done.
  if (start < 0) return !where.includes(OWN_SQL.schema);
  return where.slice(0, start).includes('\n');
}

/**
 * Whether our own statement lacks a table, a function or a right: what it names is looked up before any
 * row is touched, so no row is to blame.
 */
export function isMissingForAll(error: unknown): boolean {
  if (!(error instanceof DatabaseError) || blameOf(error) !== 'setup') return false;
  const { where, internalQuery, routine } = error;
  if (isOwnRaise(error)) return true;
  if (where === undefined || (internalQuery?.startsWith(OWN_SQL.opening) ?? false)) return true;
  return routine === 'aclcheck_error' && !isInTrigger(error);
}

/** Postgres was away, or this instance's way to it was: what `mirror.coverage` calls an outage. */
export function isOutage(error: unknown): boolean {
  const blame = blameOf(error);
  if (error instanceof ConnectError || blame === 'session') return true;
  return blame === 'server' && (sqlstateOf(error)?.startsWith('53') ?? false);
}

/** The SQLSTATE of an error that the server sent, also while connecting; null for any other. */
export function sqlstateOf(error: unknown): string | null {
  if (error instanceof ConnectError) return sqlstateOf(error.cause);
  return error instanceof DatabaseError ? (error.code ?? null) : null;
}
