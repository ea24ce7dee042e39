import { DatabaseError } from 'pg';

/** No connection to Postgres could be made: it is away, or refuses us. */
export class ConnectError extends Error {
  override name = 'ConnectError';
}

/**
 * What a failure means for the event that met it. Source: PostgreSQL manual, appendix A.
 *
 * - `permanent`: the row itself is refused (22 data exception, 23 constraint), now and for ever.
 * - `row`: this row can't be written now, its neighbours may (lock timeout, a row over a limit).
 * - `repeatable`: the statement, or its connection, was lost on the way; once more may well do.
 * - `transient`: everything else, and whatever is unknown: throw, and the platform delivers again.
 */
export type FailureClass = 'permanent' | 'row' | 'repeatable' | 'transient';

const CLASS_BY_SQLSTATE: ReadonlyMap<string, FailureClass> = new Map([
  ['22', 'permanent'],
  ['23', 'permanent'],
  ['54', 'row'],
  ['55P03', 'row'],
  ['40001', 'repeatable'],
  ['40P01', 'repeatable'],
  ['57P01', 'repeatable'],
  ['08', 'repeatable'],
]);

/** Classifies what a statement or its connection threw. */
export function classifyFailure(error: unknown): FailureClass {
  if (error instanceof DatabaseError) {
    const state = error.code ?? '';
    return CLASS_BY_SQLSTATE.get(state) ?? CLASS_BY_SQLSTATE.get(state.slice(0, 2)) ?? 'transient';
  }
  // pg reports a connection that broke, or answered too late, as a plain Error.
  return error instanceof ConnectError ? 'transient' : 'repeatable';
}

/** The SQLSTATE of an error that the server sent, also while connecting; null for any other. */
export function sqlstateOf(error: unknown): string | null {
  if (error instanceof ConnectError) return sqlstateOf(error.cause);
  return error instanceof DatabaseError ? (error.code ?? null) : null;
}
