import {
  type CompletionEvent,
  type InvalidEvent,
  parseWrittenEvent,
  type WrittenEvent,
} from '../events/written-event';
import type { Claim, ClaimVerdict } from '../postgres/quest-completions';
import { classifyFailure, sqlstateOf } from '../postgres/sqlstate';
import { dayPath } from '../quests/completion-path';
import { type CompletionState, parseCompletionValue } from '../quests/completion-value';
import type { RtdbReader } from '../rtdb/rtdb-reader';
import type { Json } from '../values/json';
import type { CompletionStore } from './completion-store';
import type { Outcome } from './outcome';
import { overwriteDivergences, overwriteEvidence } from './overwrite';
import {
  invalidPayload,
  invalidReading,
  originDetail,
  outOfOrder,
  retainedDeletion,
  unsettledTie,
  writeRejected,
} from './refusals';
import { isBeyondRetention } from './retention';

/** What mirroring an event needs from outside. */
export interface MirrorContext {
  /** Whether the gate lets this couple through; null = the path named no couple. */
  isEnabled(coupleId: string | null): boolean;
  retentionDays: number;
  /** Opened at the first use: with the flag off, nothing connects. */
  store(): CompletionStore;
  /** Reads RTDB now; rejects where it can't. */
  rtdb: RtdbReader;
}

/**
 * Mirrors one write: parse, gate, upsert, outcome. At least once and in any order is how events
 * come; whatever came, the row ends in RTDB's state.
 *
 * Not `async`, nor what nearly every event takes below: in functions-framework each promise passes
 * through the hooks of the request's domain, and ten of them for an event cost a tenth of its CPU.
 *
 * @returns rejects with what may succeed on a later delivery (Postgres away, a lock, RTDB unreadable
 *   in a tie)
 * @throws ConfigurationError where there is no store to write to
 */
export function mirrorEvent(raw: WrittenEvent, context: MirrorContext): Promise<Outcome> {
  const event = parseWrittenEvent(raw);
  const coupleId = event.kind === 'invalid' ? event.key.coupleId : event.leaf.coupleId;
  if (!context.isEnabled(coupleId)) return Promise.resolve({ outcome: 'disabled' });
  if (event.kind === 'invalid') return refuse(event, context);
  const { dateKey } = event.leaf;
  const retired = isBeyondRetention(dateKey, event.eventTime, context.retentionDays);
  if (retired && !event.after.completed && event.after.gone) return retain(event, context);
  return writeClaim(event, claimOf(event, retired), context);
}

async function refuse(event: InvalidEvent, context: MirrorContext): Promise<Outcome> {
  await context.store().record(invalidPayload(event));
  return { outcome: 'rejected', issues: event.issues };
}

async function retain(event: CompletionEvent, context: MirrorContext): Promise<Outcome> {
  await context.store().record(retainedDeletion(event, context.retentionDays));
  return { outcome: 'retained' };
}

function claimOf(event: CompletionEvent, retired: boolean): Claim {
  return {
    leaf: event.leaf,
    ref: event.ref,
    eventId: event.eventId,
    eventTime: event.eventTime,
    ...stateOf(event.after, event.before, event.eventTime),
    // Beyond retention the row may have outlived its leaf, so it can't tell of a missing event.
    before:
      event.before === null || retired
        ? { known: false }
        : { known: true, payload: payloadOf(event.before) },
    settlesTie: false,
    detail: originDetail(event.origin),
  };
}

function writeClaim(
  event: CompletionEvent,
  claim: Claim,
  context: MirrorContext,
): Promise<Outcome> {
  return context
    .store()
    .apply(claim)
    .then(
      (verdict) =>
        verdict.verdict === 'applied' && !isErasure(event)
          ? outcomeOf(verdict, claim)
          : followUp(event, claim, verdict, context),
      (error: unknown) => rejectWrite(event, error, context),
    );
}

/** What a verdict asks for besides the row. A redelivery repeats all of it, should it be cut off. */
async function followUp(
  event: CompletionEvent,
  claim: Claim,
  verdict: ClaimVerdict,
  context: MirrorContext,
): Promise<Outcome> {
  const outcome =
    verdict.verdict === 'tied' ? await settleTie(event, claim, context) : outcomeOf(verdict, claim);
  if (!claim.settlesTie) await recordLate(event, claim, verdict, context);
  // Also for a duplicate: the first delivery may have ended between the upsert and this.
  const isShown = outcome.outcome === 'applied' || outcome.outcome === 'duplicate';
  if (isErasure(event) && isShown) await recordOverwrite(event, context);
  return outcome;
}

async function rejectWrite(
  event: CompletionEvent,
  error: unknown,
  context: MirrorContext,
): Promise<Outcome> {
  if (classifyFailure(error) !== 'permanent') throw error;
  const sqlstate = sqlstateOf(error);
  const message = error instanceof Error ? error.message : 'refused by Postgres';
  await context.store().record(writeRejected(event, sqlstate, message));
  return { outcome: 'rejected', issues: [{ field: 'row', message: `SQLSTATE ${sqlstate}` }] };
}

/** Two events of one instant disagree, and nothing says which came first: RTDB itself decides. */
async function settleTie(
  event: CompletionEvent,
  claim: Claim,
  context: MirrorContext,
): Promise<Outcome> {
  const { instance, databaseHost } = event.origin;
  const location = { instance, databaseHost, path: event.ref };
  if (!context.rtdb.isReadable(location)) {
    await context.store().record(unsettledTie(event));
    return { outcome: 'rejected', issues: [{ field: 'instance', message: 'expected a database' }] };
  }
  const value = await context.rtdb.read(location);
  const parsed = parseCompletionValue(value, event.eventTime);
  if (!parsed.ok) {
    await context.store().record(invalidReading(event, parsed.value, parsed.issues));
    return { outcome: 'rejected', issues: parsed.issues };
  }
  const state = stateOf(parsed.state, event.before, event.eventTime);
  return writeClaim(event, { ...claim, ...state, settlesTie: true }, context);
}

/** An event that another one overtook. */
async function recordLate(
  event: CompletionEvent,
  claim: Claim,
  verdict: ClaimVerdict,
  context: MirrorContext,
): Promise<void> {
  const isRedelivery = verdict.rowEventId === event.eventId;
  if (verdict.verdict === 'applied' || isRedelivery) return;
  await Promise.all([
    context.store().resolveMissedEvent(claim),
    verdict.verdict === 'stale' ? context.store().record(outOfOrder(event, verdict)) : null,
  ]);
}

async function recordOverwrite(event: CompletionEvent, context: MirrorContext): Promise<void> {
  const { instance, databaseHost } = event.origin;
  const path = dayPath(event.leaf);
  const [day, erased] = await Promise.all([
    context.rtdb.glimpse({ instance, databaseHost, path }, event.eventTime),
    context.store().erasedTogether(event.leaf, event.eventTime),
  ]);
  const evidence = overwriteEvidence(event, day, erased);
  if (evidence.length === 0) return;
  const divergences = overwriteDivergences(event, evidence, erased);
  await Promise.all(divergences.map((divergence) => context.store().record(divergence)));
}

/** Whether the write removed a completion (writing `false` is a user's own doing). */
function isErasure(event: CompletionEvent): boolean {
  return !event.after.completed && event.after.gone && event.before?.completed !== false;
}

function stateOf(
  after: CompletionState,
  before: CompletionState | null,
  eventTime: string,
): { payload: Json; completedAt: string } {
  if (after.completed) return { payload: after.payload, completedAt: after.completedAt };
  // A tombstone shows when the completion that it buries was made.
  return { payload: null, completedAt: before?.completed ? before.completedAt : eventTime };
}

function payloadOf(state: CompletionState): Json {
  return state.completed ? state.payload : null;
}

function outcomeOf(verdict: ClaimVerdict, { settlesTie }: Claim): Outcome {
  const { lagMs, batch, missedEvent } = verdict;
  if (settlesTie && verdict.verdict !== 'stale') return { outcome: 'tied', lagMs, batch };
  switch (verdict.verdict) {
    case 'applied':
      return { outcome: 'applied', lagMs, batch, missedEvent };
    case 'duplicate':
    case 'stale':
      return { outcome: verdict.verdict, lagMs, batch };
    case 'tied':
    case 'contended':
      throw new Error(`a claim ended ${verdict.verdict}`);
  }
}
