import type { InputIssue } from '../values/json';

/**
 * What became of one event. Every one of these is an answer: the event is acknowledged. What may
 * yet succeed is thrown instead, and delivered again.
 *
 * - `applied`: the row now shows this event (`missedEvent`: one before it did not arrive)
 * - `duplicate`: the row already shows it
 * - `stale`: the row shows a newer event
 * - `tied`: another event of the same instant disagreed; the row shows what RTDB holds
 * - `rejected`: refused for good, and recorded
 * - `retained`: a deletion beyond retention; the row stays
 * - `disabled`: mirroring is off for this couple
 */
export type Outcome =
  | ({ outcome: 'applied'; missedEvent: boolean } & Carried)
  | ({ outcome: 'duplicate' | 'stale' | 'tied' } & Carried)
  | { outcome: 'rejected'; issues: InputIssue[] }
  | { outcome: 'retained' | 'disabled' };

/** How an event reached Postgres. */
interface Carried {
  /** From the write in RTDB until Postgres had it. */
  lagMs: number;
  /** How many claims the statement carried. */
  batch: number;
}

/** What the caller does at an event's end: part of its last promise, not one more behind it. */
export interface Ending<Result> {
  onOutcome(outcome: Outcome): Result | Promise<Result>;
  /** Gets what may succeed on a later delivery: Postgres away, a lock, RTDB unreadable in a tie. */
  onFailure(error: unknown): Result | Promise<Result>;
}

/** Ends with the outcome, and rejects as the mirror does. */
export const RETURNED: Ending<Outcome> = {
  onOutcome: (outcome) => outcome,
  onFailure: (error) => Promise.reject(error),
};
