import { setupHint } from './setup-hint';
import { ConnectError, sqlstateOf } from './sqlstate';

/** A failure of Postgres' as the logs may show it. */
class PostgresError extends Error {
  override name = 'PostgresError';
}

/**
 * What may be thrown at the platform, which logs it whole, its cause included: message, detail and hint of a
 * server's error may repeat a row, with its user ids and payload; a failed connect names the host.
 * Errors that are not Postgres' stay as they are.
 */
export function loggableFailure(error: unknown): unknown {
  if (error instanceof ConnectError) return new PostgresError(error.message);
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
