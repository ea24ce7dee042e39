import type { ParsedState } from '../paths/mirrored-path';
import { isCanaryShard } from '../paths/quest-completions/canary-couple';
import type { ClaimVerdict } from './apply-claims';
import { type Claim, claimOf, columnsOf, retiredNodeOf } from './claim';
import type { DeliveredEvent } from './delivered-event';
import {
  invalidPayload,
  invalidReading,
  outOfOrder,
  remarkOn,
  retainedDeletion,
  unsettledTie,
  valueDrift,
} from './event-divergences';
import { type InvalidEvent, type LeafEvent, parseLeafEvent } from './leaf-event';
import {
  type MirrorContext,
  type Outcome,
  type OutcomeHandlers,
  PASSED_ON,
  recordRejection,
  refuseForeign,
  rejectWrite,
  sourceOf,
} from './outcome';
import { MAX_LEAF_BYTES } from './present-state';

/**
 * Mirrors one write: parse, gate, upsert, outcome. At least once and in any order is how events
 * come; whatever came, the row ends in RTDB's state.
 *
 * Not `async`, nor what nearly every event takes below: in functions-framework each promise passes
 * through the hooks of the request's domain, and ten of them for an event cost a tenth of its CPU.
 *
 * @returns what `handlers` make of it
 * @throws ConfigurationError where there is no store to write to
 */
export function mirrorEvent<Result>(
  raw: DeliveredEvent,
  context: MirrorContext,
  handlers: OutcomeHandlers<Result>,
): Promise<Result> {
  const event = parseLeafEvent(raw, context.mirrored);
  const shard = event.kind === 'invalid' ? event.place.shard : (event.leaf.parts[0] ?? null);
  if (!context.isEnabled(shard)) return end(Promise.resolve({ outcome: 'disabled' }), handlers);
  if (event.kind === 'invalid') return end(refuse(event, context), handlers);
  return writeClaim(event, claimOf(event, context), context, handlers);
}

function end<Result>(
  outcome: Promise<Outcome>,
  { onOutcome, onFailure }: OutcomeHandlers<Result>,
): Promise<Result> {
  return outcome.then(onOutcome, onFailure);
}

async function refuse(event: InvalidEvent, context: MirrorContext): Promise<Outcome> {
  const source = sourceOf(event);
  if (source !== null && !(await context.store().isOwn(source))) {
    return refuseForeign(event, context);
  }
  await context.store().record(invalidPayload(event));
  return { outcome: 'rejected', issues: event.issues };
}

function writeClaim<Result>(
  event: LeafEvent,
  claim: Claim,
  context: MirrorContext,
  handlers: OutcomeHandlers<Result>,
): Promise<Result> {
  return context
    .store()
    .apply(claim)
    .then(
      (verdict) =>
        verdict.verdict === 'applied' && isPlain(event, context)
          ? handlers.onOutcome(outcomeOf(verdict, claim))
          : end(followUp(event, claim, verdict, context), handlers),
      (error: unknown) => end(rejectWrite(event, error, context), handlers),
    );
}

/** Nearly every event: there is nothing to add to its row. */
function isPlain(event: LeafEvent, { mirrored }: MirrorContext): boolean {
  return (
    !isErasure(event) &&
    !isCanary(event) &&
    event.after.drifted.length === 0 &&
    mirrored.remarkOf(event.leaf) === null
  );
}

/** What a verdict asks for besides the row. A redelivery repeats all of it, should it be cut off. */
async function followUp(
  event: LeafEvent,
  claim: Claim,
  verdict: ClaimVerdict,
  context: MirrorContext,
): Promise<Outcome> {
  switch (verdict.verdict) {
    // No other writer comes so often: what stays contended was not written either.
    case 'dropped':
    case 'contended':
      return recordRejection(
        event,
        null,
        'not written: a trigger on the table dropped the row',
        context,
      );
    case 'foreign':
      return refuseForeign(event, context);
    case 'retained':
      return retain(event, context);
    case 'erased':
      return { outcome: 'erased' };
    default:
      return followRow(event, claim, verdict, context);
  }
}

async function retain(event: LeafEvent, context: MirrorContext): Promise<Outcome> {
  const node = retiredNodeOf(event, context);
  if (node !== null) {
    await context.store().record(retainedDeletion(event, node, context.retentionDays));
  }
  return { outcome: 'retained' };
}

async function followRow(
  event: LeafEvent,
  claim: Claim,
  verdict: ClaimVerdict,
  context: MirrorContext,
): Promise<Outcome> {
  const outcome =
    verdict.verdict === 'tied' ? await settleTie(event, claim, context) : outcomeOf(verdict, claim);
  if (!claim.settlesTie) await recordLate(event, claim, verdict, context);
  if (isCanary(event)) await context.store().noteCanary(event.eventTime, verdict.lagMs);
  // Also for a duplicate: the first delivery may have ended between the upsert and this.
  if (outcome.outcome === 'applied' || outcome.outcome === 'duplicate') {
    await recordFindings(event, claim, context);
  }
  return outcome;
}

/** What a row that shows the event gives rise to. */
async function recordFindings(
  event: LeafEvent,
  claim: Claim,
  context: MirrorContext,
): Promise<void> {
  const { mirrored, explainErasure, rtdb, said } = context;
  const store = context.store();
  const remark = remarkOn(event, mirrored);
  const findings = remark === null ? [] : [remark];
  // Beyond retention removals are the app's housekeeping, of whole days.
  if (explainErasure !== null && claim.retainedBefore === null && isErasure(event)) {
    findings.push(...(await explainErasure(event, { rtdb, statements: store.statements })));
  }
  const drifts = event.after.drifted.map((column) =>
    said.say(`drift ${column}`, 'day', () => store.record(valueDrift(event, column, mirrored))),
  );
  await Promise.all([...findings.map((divergence) => store.record(divergence)), ...drifts]);
}

/** More than an event can bring: none brought it, and none will. */
const TOO_LARGE: ParsedState = {
  ok: false,
  value: null,
  issues: [{ field: 'value', message: `expected at most ${MAX_LEAF_BYTES} bytes` }],
};

/** Two events of one instant disagree, and nothing says which came first: RTDB itself decides. */
async function settleTie(event: LeafEvent, claim: Claim, context: MirrorContext): Promise<Outcome> {
  const { instance, databaseHost } = event.origin;
  const location = { instance, databaseHost, path: event.ref };
  const { mirrored } = context;
  if (!context.rtdb.isReadable(location)) {
    await context.store().record(unsettledTie(event, mirrored));
    return { outcome: 'rejected', issues: [{ field: 'instance', message: 'expected a database' }] };
  }
  const reading = await context.rtdb.readLeaf(location);
  const parsed = reading.isWhole
    ? mirrored.parseValue(reading.value, event.leaf, event.eventTime)
    : TOO_LARGE;
  if (!parsed.ok) {
    await context.store().record(invalidReading(event, parsed.value, parsed.issues, mirrored));
    return { outcome: 'rejected', issues: parsed.issues };
  }
  const { payload } = parsed.state;
  const columns = columnsOf(
    parsed.state,
    event.after.payload === null ? event.before : event.after,
  );
  return writeClaim(event, { ...claim, payload, columns, settlesTie: true }, context, PASSED_ON);
}

/** An event that another one overtook. */
async function recordLate(
  event: LeafEvent,
  claim: Claim,
  verdict: ClaimVerdict,
  context: MirrorContext,
): Promise<void> {
  const isRedelivery = verdict.rowEventId === event.eventId;
  if (verdict.verdict === 'applied' || isRedelivery) return;
  await Promise.all([
    context.store().resolveMissedEvent(claim, verdict),
    verdict.verdict === 'stale'
      ? context.store().record(outOfOrder(event, verdict, context.mirrored))
      : null,
  ]);
}

/** One that comes late is not lost, though the next one was written over it. */
function isCanary({ leaf }: LeafEvent): boolean {
  return isCanaryShard(leaf.parts[0] ?? null);
}

/** Whether the write removed what was there (writing `false` is a user's own doing). */
function isErasure({ after, before }: LeafEvent): boolean {
  return after.gone && before?.payload !== null;
}

/** What a verdict alone makes of an event. */
function outcomeOf(verdict: ClaimVerdict, { settlesTie }: Pick<Claim, 'settlesTie'>): Outcome {
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
    case 'erased':
    case 'foreign':
    case 'contended':
    case 'dropped':
      throw new Error(`a claim ended ${verdict.verdict}`);
  }
}
