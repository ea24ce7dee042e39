import type { Divergence } from '../divergences/divergence-log';
import type { MirroredPath } from '../paths/mirrored-path';
import { sqlstateOf } from '../postgres/sqlstate';
import type { Statements } from '../postgres/statements';
import { rtdbIdentity } from '../rtdb/rtdb-identity';
import type { InputIssue } from '../values/json';
import { RowRefused } from './blame-row';
import { otherDatabase, type SaidOnce, writeRejected } from './event-divergences';
import type { InvalidEvent, LeafEvent } from './leaf-event';
import type { MirrorStore } from './mirror-store';
import type { PresentState } from './present-state';

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
 * - `erased`: its key holds the id of somebody who was erased; it leaves no trace
 * - `disabled`: mirroring is off for this couple
 */
export type Outcome =
  | ({ outcome: 'applied'; missedEvent: boolean } & Carried)
  | ({ outcome: 'duplicate' | 'stale' | 'tied' } & Carried)
  | { outcome: 'rejected'; issues: InputIssue[] }
  | { outcome: 'retained' | 'erased' | 'disabled' };

/** How an event reached Postgres. */
interface Carried {
  /** From the write in RTDB until Postgres had it. */
  lagMs: number;
  /** How many claims the statement carried. */
  batch: number;
}

/** What follows an event's outcome, as with `then`: part of its last promise, not one more behind it. */
export interface OutcomeHandlers<Result> {
  onOutcome(outcome: Outcome): Result | Promise<Result>;
  /** Gets what may succeed on a later delivery: Postgres away, a lock, RTDB unreadable in a tie. */
  onFailure(error: unknown): Result | Promise<Result>;
}

/** Passes on the outcome, or the failure. */
export const PASSED_ON: OutcomeHandlers<Outcome> = {
  onOutcome: (outcome) => outcome,
  onFailure: (error) => Promise.reject(error),
};

/** What mirroring an event of one path needs from outside. */
export interface MirrorContext {
  mirrored: MirroredPath;
  /** Looks into removals that nobody may have meant; null where the path has none. */
  explainErasure: ExplainErasure | null;
  /** Whether the gate lets this shard through, such as a couple; null = the path named none. */
  isEnabled(shard: string | null): boolean;
  retentionDays: number;
  /** Opened at the first use: with the flag off, nothing connects. */
  store(): MirrorStore;
  /** Reads RTDB now; rejects where it can't. */
  rtdb: PresentState;
  /** What this instance has said already. */
  said: SaidOnce;
}

/** Finds what there is to log of a removal that was mirrored. */
export type ExplainErasure = (
  event: LeafEvent,
  sides: { rtdb: PresentState; statements: Statements },
) => Promise<Divergence[]>;

/** Another database's write: to take it for one of ours would bury what ours holds. */
export async function refuseForeign(
  event: InvalidEvent | LeafEvent,
  { said, store }: MirrorContext,
): Promise<Outcome> {
  const source = sourceOf(event);
  if (source !== null) {
    const record = () => store().record(otherDatabase(event, source));
    await said.say(`${source.instance} ${source.host}`, 'hour', record);
  }
  const message = 'expected the RTDB that this database mirrors (docs/runbook.md, "Another RTDB")';
  return { outcome: 'rejected', issues: [{ field: 'instance', message }] };
}

/** Which RTDB an event is of; null where it does not say. */
export function sourceOf({ origin }: InvalidEvent | LeafEvent) {
  return rtdbIdentity(origin.instance, origin.databaseHost);
}

/** Records a row that Postgres refuses; any other failure is thrown, so that the event is retried. */
export async function rejectWrite(
  event: LeafEvent,
  error: unknown,
  context: MirrorContext,
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
  context: MirrorContext,
): Promise<Outcome> {
  await context.store().record(writeRejected(event, sqlstate, message, context.mirrored));
  const issue = sqlstate === null ? message : `SQLSTATE ${sqlstate}`;
  return { outcome: 'rejected', issues: [{ field: 'row', message: issue }] };
}
