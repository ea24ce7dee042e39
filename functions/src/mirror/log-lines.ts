import { hash } from 'node:crypto';
import { type LogEntry, type LogSeverity, write } from 'firebase-functions/logger';
import { ConfigurationError } from '../errors/mirror-error';
import { setupHint } from '../postgres/loggable-failure';
import { sqlstateOf } from '../postgres/sqlstate';
import { millisOf, normalizeInstant } from '../values/event-time';
import type { InputIssue } from '../values/json';
import type { SentBatch } from './coalesced-writes';
import type { DeliveredEvent } from './delivered-event';
import type { Outcome } from './outcome';

export interface LogSettings {
  /** The path's name: the label of all lines and metrics. */
  path: string;
  /** Refs as they are; else hashed. They hold user ids, and some of those are push tokens. */
  showsRefs: boolean;
  /** Which lines of events that were applied are written. */
  routineLines: RoutineLines;
}

/** Whole texts, so that a search of the code for the words of a line finds them. */
const MESSAGES: Readonly<Record<Outcome['outcome'], string>> = {
  applied: 'event applied',
  duplicate: 'event duplicate',
  stale: 'event stale',
  tied: 'event tied',
  rejected: 'event rejected',
  retained: 'event retained',
  erased: 'event erased',
  disabled: 'event disabled',
};

/**
 * One structured line for each event; at scale a part of the `applied` ones is left out. The line of a
 * batch counts what it applied, whether or not that was logged.
 */
export function logOutcome(outcome: Outcome, event: DeliveredEvent, settings: LogSettings): void {
  const isRoutine = outcome.outcome === 'applied' && !outcome.missedEvent;
  if (isRoutine && !settings.routineLines.takes()) return;
  const entry: LogEntry = {
    severity: isRoutine ? 'INFO' : severityOf(outcome),
    message: MESSAGES[outcome.outcome],
    outcome: outcome.outcome,
    path: settings.path,
    ...eventFields(event, settings),
  };
  if ('lagMs' in outcome) {
    entry.lag_ms = outcome.lagMs;
    entry.batch = outcome.batch;
  }
  if ('missedEvent' in outcome) entry.missed_event = outcome.missedEvent;
  if ('issues' in outcome) entry.issues = outcome.issues.map(withoutUserText);
  write(entry);
}

/** What names an event in a line: its id, and its leaf as `sha256(ref)`, 16 digits, or the ref. */
export function eventFields(
  { id, ref }: DeliveredEvent,
  { showsRefs }: Pick<LogSettings, 'showsRefs'>,
): { event_id: string | null; ref?: string; ref_hash?: string } {
  const event_id = typeof id === 'string' ? id : null;
  return showsRefs ? { event_id, ref } : { event_id, ref_hash: hash('sha256', ref).slice(0, 16) };
}

/** Keys and texts inside a value are the phone's; the divergence row shows them, a log need not. */
function withoutUserText({ field, message, mayQuote }: InputIssue): InputIssue {
  const isUserText = field.startsWith('value.') && field !== 'value.completedAt';
  return {
    field: isUserText ? 'value' : field,
    message: mayQuote === true ? "expected what the path's schema accepts" : message,
  };
}

function severityOf(outcome: Outcome): LogSeverity {
  if (outcome.outcome === 'rejected') return 'WARNING';
  return outcome.outcome === 'applied' && outcome.missedEvent ? 'WARNING' : 'INFO';
}

/**
 * One line for each attempt that fails, and that the platform repeats: why, and how old the event is
 * by now (the platform gives it up at 24 hours). No message: it may hold what must not be logged.
 */
export function logFailure(
  error: unknown,
  event: DeliveredEvent,
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

/** Lines of one second that are always written: what a person can read at most. */
export const LINES_A_SECOND = 50;

/**
 * Decides which lines of events that went well are written: all while it is quiet, a part of them at
 * scale, where nobody reads a line an event, and each is paid for. Which are left out is
 * chance, not the event: a slow one is as likely as any, so the lag of the rest is that of all.
 */
export class RoutineLines {
  #second = Number.NaN;
  #lines = 0;

  /**
   * @param share the part, 0 to 1, that is written beyond the first of each second
   * @param nowMs any clock, in milliseconds
   */
  constructor(
    private readonly share: number,
    private readonly nowMs = () => performance.now(),
    private readonly random = Math.random,
  ) {}

  /** Whether the next line is written. */
  takes(): boolean {
    if (this.share >= 1) return true;
    const second = Math.floor(this.nowMs() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#lines = 0;
    }
    this.#lines += 1;
    return this.#lines <= LINES_A_SECOND || this.random() < this.share;
  }
}
