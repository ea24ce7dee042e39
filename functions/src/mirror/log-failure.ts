import { write } from 'firebase-functions/logger';
import { ConfigurationError } from '../errors/mirror-error';
import { setupHint } from '../postgres/loggable-failure';
import { sqlstateOf } from '../postgres/sqlstate';
import { millisOf, normalizeInstant } from '../values/event-time';
import { eventFields, type LogSettings } from './log-outcome';
import type { WrittenEvent } from './written-event';

/**
 * One line for each attempt that fails, and that the platform repeats: why, and how old the event is
 * by now (the platform gives it up at 24 hours). No message: it may hold what must not be logged.
 */
export function logFailure(
  error: unknown,
  event: WrittenEvent,
  settings: Pick<LogSettings, 'path' | 'showsRefs'>,
): void {
  const hint = setupHint(error);
  write({
    severity: 'ERROR',
    message: 'event failed',
    outcome: 'failed',
    path: settings.path,
    ...eventFields(event, settings),
    sqlstate: sqlstateOf(error),
    error: error instanceof Error ? error.name : 'unknown',
    // It names a parameter and what was expected of it, never a value.
    ...(error instanceof ConfigurationError ? { detail: error.message } : {}),
    age_ms: ageMsOf(event.time),
    ...(hint === null ? {} : { hint }),
  });
}

/** Null where the event has no time; clocks differ, so one from the future is new. */
function ageMsOf(time: unknown): number | null {
  const instant = typeof time === 'string' ? normalizeInstant(time) : null;
  return instant === null ? null : Math.max(0, Date.now() - millisOf(instant));
}
