import type { MirroredPath } from '../paths/mirrored-path';
import { sqlstateOf } from '../postgres/sqlstate';
import { RowRefused } from './blame-row';
import type { MirrorStore } from './mirror-store';
import type { Outcome } from './outcome';
import { writeRejected } from './refusals';
import type { LeafEvent } from './written-event';

interface RejectContext {
  mirrored: MirroredPath;
  store(): Pick<MirrorStore, 'record'>;
}

/** Records a row that Postgres refuses; any other failure is thrown, so that the event is retried. */
export async function rejectWrite(
  event: LeafEvent,
  error: unknown,
  context: RejectContext,
): Promise<Outcome> {
  if (!(error instanceof RowRefused)) throw error;
  const { cause } = error;
  const message = cause instanceof Error ? cause.message : error.message;
  return recordRejection(event, sqlstateOf(cause), message, context);
}

/** Records a write that left no row; `sqlstate` null where no error says why. */
export async function recordRejection(
  event: LeafEvent,
  sqlstate: string | null,
  message: string,
  context: RejectContext,
): Promise<Outcome> {
  await context.store().record(writeRejected(event, sqlstate, message, context.mirrored));
  const issue = sqlstate === null ? message : `SQLSTATE ${sqlstate}`;
  return { outcome: 'rejected', issues: [{ field: 'row', message: issue }] };
}
