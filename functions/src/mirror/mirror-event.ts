import type {
  DatedNode,
  LeafState,
  LogKey,
  MirroredPath,
  ParsedState,
} from '../events/mirrored-path';
import {
  type InvalidEvent,
  type LeafEvent,
  parseWrittenEvent,
  type WrittenEvent,
} from '../events/written-event';
import type { Claim, ClaimVerdict } from '../postgres/claims';
import type { Divergence } from '../postgres/divergence-log';
import { MAX_LEAF_BYTES, type RtdbReader } from '../rtdb/rtdb-reader';
import type { JsonObject } from '../values/json';
import type { MirrorStore } from './mirror-store';
import { type Ending, type Outcome, RETURNED } from './outcome';
import {
  invalidPayload,
  invalidReading,
  originDetail,
  outOfOrder,
  retainedDeletion,
  unsettledTie,
} from './refusals';
import { recordRejection, rejectWrite } from './reject-write';
import { isBeyondRetention } from './retention';

/** What mirroring an event of one path needs from outside. */
export interface MirrorContext<Leaf extends LogKey> {
  mirrored: MirroredPath<Leaf>;
  /** Looks into removals that nobody may have meant; null where the path has none. */
  explainErasure: ExplainErasure<Leaf> | null;
  /** Whether the gate lets this couple through; null = the path named no couple. */
  isEnabled(coupleId: string | null): boolean;
  retentionDays: number;
  /** Opened at the first use: with the flag off, nothing connects. */
  store(): MirrorStore<Leaf>;
  /** Reads RTDB now; rejects where it can't. */
  rtdb: RtdbReader;
}

/** Finds what there is to log of a removal that was mirrored. */
export type ExplainErasure<Leaf extends LogKey> = (
  event: LeafEvent<Leaf>,
  sides: { rtdb: RtdbReader; store: MirrorStore<Leaf> },
) => Promise<Divergence[]>;

/**
 * Mirrors one write: parse, gate, upsert, outcome. At least once and in any order is how events
 * come; whatever came, the row ends in RTDB's state.
 *
 * Not `async`, nor what nearly every event takes below: in functions-framework each promise passes
 * through the hooks of the request's domain, and ten of them for an event cost a tenth of its CPU.
 *
 * @returns what `ending` makes of it
 * @throws ConfigurationError where there is no store to write to
 */
export function mirrorEvent<Leaf extends LogKey, Result>(
  raw: WrittenEvent,
  context: MirrorContext<Leaf>,
  ending: Ending<Result>,
): Promise<Result> {
  const event = parseWrittenEvent(raw, context.mirrored);
  const { coupleId } = event.kind === 'invalid' ? event.key : event.leaf;
  if (!context.isEnabled(coupleId)) return end(Promise.resolve({ outcome: 'disabled' }), ending);
  if (event.kind === 'invalid') return end(refuse(event, context), ending);
  const retired = retiredNodeOf(event, context);
  if (retired !== null && event.after.gone) return end(retain(event, retired, context), ending);
  return writeClaim(event, claimOf(event, retired !== null), context, ending);
}

function end<Result>(
  outcome: Promise<Outcome>,
  { onOutcome, onFailure }: Ending<Result>,
): Promise<Result> {
  return outcome.then(onOutcome, onFailure);
}

async function refuse<Leaf extends LogKey>(
  event: InvalidEvent,
  context: MirrorContext<Leaf>,
): Promise<Outcome> {
  await context.store().record(invalidPayload(event));
  return { outcome: 'rejected', issues: event.issues };
}

/** The leaf's dated node where that lies beyond retention; else null. */
function retiredNodeOf<Leaf extends LogKey>(
  { leaf, eventTime }: LeafEvent<Leaf>,
  { mirrored, retentionDays }: MirrorContext<Leaf>,
): DatedNode | null {
  if (retentionDays === 0 || mirrored.datedNodeOf === undefined) return null;
  const node = mirrored.datedNodeOf(leaf);
  return isBeyondRetention(node.dateKey, eventTime, retentionDays) ? node : null;
}

async function retain<Leaf extends LogKey>(
  event: LeafEvent<Leaf>,
  node: DatedNode,
  context: MirrorContext<Leaf>,
): Promise<Outcome> {
  await context.store().record(retainedDeletion(event, node, context.retentionDays));
  return { outcome: 'retained' };
}

function claimOf<Leaf extends LogKey>(event: LeafEvent<Leaf>, retired: boolean): Claim<Leaf> {
  return {
    leaf: event.leaf,
    ref: event.ref,
    eventId: event.eventId,
    eventTime: event.eventTime,
    payload: event.after.payload,
    columns: columnsOf(event.after, event.before),
    // Beyond retention the row may have outlived its leaf, so it can't tell of a missing event.
    before:
      event.before === null || retired
        ? { known: false }
        : { known: true, payload: event.before.payload },
    settlesTie: false,
    detail: originDetail(event.origin),
  };
}

function writeClaim<Leaf extends LogKey, Result>(
  event: LeafEvent<Leaf>,
  claim: Claim<Leaf>,
  context: MirrorContext<Leaf>,
  ending: Ending<Result>,
): Promise<Result> {
  return context
    .store()
    .apply(claim)
    .then(
      (verdict) =>
        verdict.verdict === 'applied' && !isErasure(event)
          ? ending.onOutcome(outcomeOf(verdict, claim))
          : end(followUp(event, claim, verdict, context), ending),
      (error: unknown) => end(rejectWrite(event, error, context), ending),
    );
}

/** What a verdict asks for besides the row. A redelivery repeats all of it, should it be cut off. */
async function followUp<Leaf extends LogKey>(
  event: LeafEvent<Leaf>,
  claim: Claim<Leaf>,
  verdict: ClaimVerdict,
  context: MirrorContext<Leaf>,
): Promise<Outcome> {
  // No other writer comes so often: what stays contended was not written either.
  if (verdict.verdict === 'dropped' || verdict.verdict === 'contended') {
    return recordRejection(
      event,
      null,
      'not written: a trigger on the table dropped the row',
      context,
    );
  }
  const outcome =
    verdict.verdict === 'tied' ? await settleTie(event, claim, context) : outcomeOf(verdict, claim);
  if (!claim.settlesTie) await recordLate(event, claim, verdict, context);
  // Also for a duplicate: the first delivery may have ended between the upsert and this.
  const isShown = outcome.outcome === 'applied' || outcome.outcome === 'duplicate';
  if (isErasure(event) && isShown) await recordErasure(event, context);
  return outcome;
}

/** More than an event can bring: none brought it, and none will. */
const TOO_LARGE: ParsedState = {
  ok: false,
  value: null,
  issues: [{ field: 'value', message: `expected at most ${MAX_LEAF_BYTES} bytes` }],
};

/** Two events of one instant disagree, and nothing says which came first: RTDB itself decides. */
async function settleTie<Leaf extends LogKey>(
  event: LeafEvent<Leaf>,
  claim: Claim<Leaf>,
  context: MirrorContext<Leaf>,
): Promise<Outcome> {
  const { instance, databaseHost } = event.origin;
  const location = { instance, databaseHost, path: event.ref };
  if (!context.rtdb.isReadable(location)) {
    await context.store().record(unsettledTie(event));
    return { outcome: 'rejected', issues: [{ field: 'instance', message: 'expected a database' }] };
  }
  const reading = await context.rtdb.read(location);
  const parsed = reading.isWhole
    ? context.mirrored.parseValue(reading.value, event.eventTime)
    : TOO_LARGE;
  if (!parsed.ok) {
    await context.store().record(invalidReading(event, parsed.value, parsed.issues));
    return { outcome: 'rejected', issues: parsed.issues };
  }
  const { payload } = parsed.state;
  const columns = columnsOf(parsed.state, event.before);
  return writeClaim(event, { ...claim, payload, columns, settlesTie: true }, context, RETURNED);
}

/** An event that another one overtook. */
async function recordLate<Leaf extends LogKey>(
  event: LeafEvent<Leaf>,
  claim: Claim<Leaf>,
  verdict: ClaimVerdict,
  context: MirrorContext<Leaf>,
): Promise<void> {
  const isRedelivery = verdict.rowEventId === event.eventId;
  if (verdict.verdict === 'applied' || isRedelivery) return;
  await Promise.all([
    context.store().resolveMissedEvent(claim, verdict),
    verdict.verdict === 'stale' ? context.store().record(outOfOrder(event, verdict)) : null,
  ]);
}

async function recordErasure<Leaf extends LogKey>(
  event: LeafEvent<Leaf>,
  { explainErasure, rtdb, store }: MirrorContext<Leaf>,
): Promise<void> {
  if (explainErasure === null) return;
  const divergences = await explainErasure(event, { rtdb, store: store() });
  await Promise.all(divergences.map((divergence) => store().record(divergence)));
}

/** Whether the write removed what was there (writing `false` is a user's own doing). */
function isErasure<Leaf extends LogKey>({ after, before }: LeafEvent<Leaf>): boolean {
  return after.gone && before?.payload !== null;
}

/** A tombstone shows what the leaf that it buries showed. */
function columnsOf(after: LeafState, before: LeafState | null): JsonObject {
  const isBurial = after.payload === null && before !== null && before.payload !== null;
  return isBurial ? before.columns : after.columns;
}

function outcomeOf(
  verdict: ClaimVerdict,
  { settlesTie }: Pick<Claim<LogKey>, 'settlesTie'>,
): Outcome {
  const { lagMs, batch, missedEvent } = verdict;
  if (settlesTie && verdict.verdict !== 'stale') return { outcome: 'tied', lagMs, batch };
  switch (verdict.verdict) {
    case 'applied':
      return { outcome: 'applied', lagMs, batch, missedEvent };
    case 'duplicate':
    case 'stale':
      return { outcome: verdict.verdict, lagMs, batch };
    case 'tied':
    case 'retained':
    case 'foreign':
    case 'contended':
    case 'dropped':
      throw new Error(`a claim ended ${verdict.verdict}`);
  }
}
