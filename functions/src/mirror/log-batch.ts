import { write } from 'firebase-functions/logger';
import type { SentBatch } from './report-batch';

/**
 * One line for each batch. It belongs to many invocations, so it is of no trace. `applied` counts
 * exactly what the lines of events, when sampled, don't.
 */
export function logBatch(
  path: string,
  { statement, size, ms, applied, sqlstate }: SentBatch,
): void {
  write({
    severity: 'DEBUG',
    message: sqlstate === undefined ? 'batch sent' : 'batch failed',
    path,
    statement,
    size,
    ms: Math.round(ms),
    ...(applied === undefined ? {} : { applied }),
    ...(sqlstate === undefined ? {} : { sqlstate }),
  });
}
