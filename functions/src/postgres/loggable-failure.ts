import { ConnectError, sqlstateOf } from './sqlstate';

/** A failure of Postgres' as the logs may show it: by its SQLSTATE. */
class PostgresError extends Error {
  override name = 'PostgresError';
}

/**
 * What may be thrown at the platform, which logs it whole: message, detail and hint of a server's error
 * may repeat a row, with its user ids and payload. Errors that are not the server's stay as they are.
 */
export function loggableFailure(error: unknown): unknown {
  const sqlstate = sqlstateOf(error);
  if (sqlstate === null) return error;
  const failed = error instanceof ConnectError ? 'no connection to Postgres' : 'Postgres failed';
  return new PostgresError(`${failed}: SQLSTATE ${sqlstate}`);
}

/** Lets work fail only by what may be logged. */
export function failingLoggably<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw loggableFailure(error);
  });
}
