import { hash } from 'node:crypto';
import { type LogSeverity, write } from 'firebase-functions/logger';
import type { InputIssue } from '../quests/json';
import type { Outcome } from './outcome';

/**
 * One structured line for each event. A ref holds user ids, and some of those are push tokens: the
 * line shows its hash, which is enough to find the lines of one leaf (`sha256(ref)`, 16 digits).
 *
 * @param ref the leaf's path
 */
export function logOutcome(outcome: Outcome, ref: string, eventId: unknown): void {
  write({
    severity: severityOf(outcome),
    message: `quest completion ${outcome.outcome}`,
    outcome: outcome.outcome,
    event_id: typeof eventId === 'string' ? eventId : null,
    ref_hash: hash('sha256', ref).slice(0, 16),
    ...('lagMs' in outcome ? { lag_ms: outcome.lagMs } : {}),
    ...('missedEvent' in outcome ? { missed_event: outcome.missedEvent } : {}),
    ...('issues' in outcome ? { issues: outcome.issues.map(withoutUserText) } : {}),
  });
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
