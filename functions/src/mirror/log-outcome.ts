import { hash } from 'node:crypto';
import { type LogEntry, type LogSeverity, write } from 'firebase-functions/logger';
import { pathOfRef } from '../quests/event-ref';
import type { InputIssue } from '../quests/json';
import type { WrittenEvent } from '../quests/written-event';
import type { Outcome } from './outcome';

export interface LogSettings {
  /** Refs as they are; else hashed. They hold user ids, and some of those are push tokens. */
  showsRefs: boolean;
  /** The part, 0 to 1, of `applied` lines that is logged; every other outcome is. */
  appliedSample: number;
}

/**
 * One structured line for each event; `applied` ones by the sample. Which are left out is chance, not
 * the event: a slow one is as likely as any, so the lag of the rest is that of all. The line of a
 * batch counts what it applied, whether or not that was logged.
 */
export function logOutcome(outcome: Outcome, event: WrittenEvent, settings: LogSettings): void {
  const isRoutine = outcome.outcome === 'applied' && !outcome.missedEvent;
  if (isRoutine && settings.appliedSample < 1 && Math.random() >= settings.appliedSample) return;
  const entry: LogEntry = {
    severity: isRoutine ? 'INFO' : severityOf(outcome),
    message: `quest completion ${outcome.outcome}`,
    outcome: outcome.outcome,
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
  { showsRefs }: LogSettings,
): { event_id: string | null; ref?: string; ref_hash?: string } {
  const path = typeof ref === 'string' ? pathOfRef(ref, structured) : '';
  const event_id = typeof id === 'string' ? id : null;
  return showsRefs
    ? { event_id, ref: path }
    : { event_id, ref_hash: hash('sha256', path).slice(0, 16) };
}

/** Keys inside a value are the phone's text; the divergence row shows them, a log need not. */
function withoutUserText({ field, message }: InputIssue): InputIssue {
  const isUserText = field.startsWith('value.') && field !== 'value.completedAt';
  return { field: isUserText ? 'value' : field, message };
}

function severityOf(outcome: Outcome): LogSeverity {
  if (outcome.outcome === 'rejected') return 'WARNING';
  return outcome.outcome === 'applied' && outcome.missedEvent ? 'WARNING' : 'INFO';
}
