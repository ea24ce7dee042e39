import { hash } from 'node:crypto';
import { type LogEntry, type LogSeverity, write } from 'firebase-functions/logger';
import type { InputIssue } from '../values/json';
import { pathOfRef } from './event-ref';
import type { Outcome } from './outcome';
import type { RoutineLines } from './routine-lines';
import type { WrittenEvent } from './written-event';

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
  disabled: 'event disabled',
};

/**
 * One structured line for each event; at scale a part of the `applied` ones is left out. The line of a
 * batch counts what it applied, whether or not that was logged.
 */
export function logOutcome(outcome: Outcome, event: WrittenEvent, settings: LogSettings): void {
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
  { id, ref, structured }: WrittenEvent,
  { showsRefs }: Pick<LogSettings, 'showsRefs'>,
): { event_id: string | null; ref?: string; ref_hash?: string } {
  const path = typeof ref === 'string' ? pathOfRef(ref, structured) : '';
  const event_id = typeof id === 'string' ? id : null;
  return showsRefs
    ? { event_id, ref: path }
    : { event_id, ref_hash: hash('sha256', path).slice(0, 16) };
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
