import type { Leaf, LeafState, LogPlace, MirroredPath, ParsedState } from '../paths/mirrored-path';
import { normalizeInstant } from '../values/event-time';
import type { InputIssue, Json, JsonObject } from '../values/json';
import { canonicalValue, isTooDeep, MAX_DEPTH } from '../values/rtdb-value';
import { isStorable, textEvidence } from '../values/storable';
import type { DeliveredEvent } from './delivered-event';

/** What is known of an event apart from the leaf itself: evidence for the log. */
export interface EventOrigin {
  instance: string | null;
  databaseHost: string | null;
  authType: string;
  authId: string | null;
}

/** One write of a leaf: a claim about its state at a version. */
export interface LeafEvent {
  kind: 'leaf';
  ref: string;
  leaf: Leaf;
  eventId: string;
  /** Normalized instant of the write. */
  eventTime: string;
  after: LeafState;
  /**
   * The state before the write, with its columns where the write buries it; null where it was a value
   * that the mirror refuses.
   */
  before: LeafState | null;
  origin: EventOrigin;
}

/** A write that can't be mirrored, now or later. */
export interface InvalidEvent {
  kind: 'invalid';
  ref: string;
  place: LogPlace;
  eventId: string | null;
  eventTime: string | null;
  value: Json;
  issues: InputIssue[];
  origin: EventOrigin;
}

/** The half of a version that an event brings besides its id. */
interface Envelope {
  id: string;
  time: string;
}

/**
 * Reads a write event. Pure; never throws. The envelope is read by hand, not by zod: every event
 * comes through here, and what few fields it has need one check each.
 *
 * @param mirrored the path that its trigger listens to
 * @returns what it claims of its leaf, or all that is wrong with it, field by field
 */
export function parseLeafEvent(
  event: DeliveredEvent,
  mirrored: MirroredPath,
): LeafEvent | InvalidEvent {
  const { ref } = event;
  const origin: EventOrigin = {
    instance: textOf(event.instance),
    databaseHost: textOf(event.databaseHost),
    // May be missing from delivered events (firebase-functions issue 1889): no reason to refuse.
    authType: textOf(event.authType) ?? 'unknown',
    authId: textOf(event.authId),
  };
  const envelope = parseEnvelope(event);
  // An event without a time is refused; the latest one finds no fault with its other dates.
  const time = envelope.time ?? '9999-12-31T23:59:59.999999Z';
  const path = mirrored.parsePath(ref, time);
  const leaf = path.ok ? path.leaf : null;
  const after = parseState(event.after, leaf, time, mirrored);
  if (isComplete(envelope) && event.hasData && path.ok && after.ok) {
    const isBurial = after.state.payload === null;
    const before = parseState(event.before, leaf, envelope.time, mirrored, isBurial);
    return {
      kind: 'leaf',
      ref,
      leaf: path.leaf,
      eventId: envelope.id,
      eventTime: envelope.time,
      after: after.state,
      before: before.ok ? before.state : null,
      origin,
    };
  }
  return {
    kind: 'invalid',
    ref,
    place: path.ok ? mirrored.placeOf(path.leaf) : path.place,
    eventId: envelope.id,
    eventTime: envelope.time,
    value: after.ok ? canonicalValue(event.after) : after.value,
    issues: [
      ...envelopeIssues(envelope, event.hasData),
      ...(path.ok ? [] : path.issues),
      ...(after.ok ? [] : after.issues),
    ],
    origin,
  };
}

/** A value that RTDB can't hold, and that could exhaust the stack, is not walked at all. */
function parseState(
  raw: unknown,
  leaf: Leaf | null,
  eventTime: string,
  mirrored: MirroredPath,
  isShown = true,
): ParsedState {
  if (!isTooDeep(raw)) return mirrored.parseValue(raw, leaf, eventTime, isShown);
  const message = `expected at most ${MAX_DEPTH} levels, which is RTDB's limit`;
  return { ok: false, value: null, issues: [{ field: 'value', message }] };
}

function parseEnvelope({ id, time }: DeliveredEvent): { [K in keyof Envelope]: string | null } {
  return { id: textOf(id), time: typeof time === 'string' ? normalizeInstant(time) : null };
}

function isComplete(envelope: { [K in keyof Envelope]: string | null }): envelope is Envelope {
  return envelope.id !== null && envelope.time !== null;
}

function envelopeIssues(
  { id, time }: { [K in keyof Envelope]: string | null },
  hasData: boolean,
): InputIssue[] {
  const issues: InputIssue[] = [];
  if (id === null) {
    const message = 'expected text, not empty, without U+0000 and lone surrogates';
    issues.push({ field: 'id', message });
  }
  if (time === null) issues.push({ field: 'time', message: 'expected an ISO 8601 date and time' });
  if (!hasData) {
    issues.push({ field: 'data', message: 'expected the value before the write and the change' });
  }
  return issues;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' && isStorable(value) ? value : null;
}

const MAX_ORIGIN_BYTES = 1_000;

/** What an event tells about its writer, as evidence; left out where it tells nothing. */
export function originDetail({ instance, authType, authId }: EventOrigin): JsonObject {
  const detail: JsonObject = {};
  if (instance !== null) detail.instance = textEvidence(instance, MAX_ORIGIN_BYTES);
  if (authType !== 'unknown') detail.auth_type = textEvidence(authType, MAX_ORIGIN_BYTES);
  if (authId !== null) detail.auth_id = textEvidence(authId, MAX_ORIGIN_BYTES);
  return detail;
}
