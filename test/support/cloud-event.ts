import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | JsonValue[]
  | { [key: string]: JsonValue };
type JsonRecord = { [key: string]: JsonValue };

/** A CloudEvent as JSON: attributes, and `data`. */
export type CloudEvent = JsonRecord;

/**
 * How an event travels: `binary` with attributes encoded as the CloudEvents HTTP binding asks, `raw`
 * with their UTF-8 as it is, which production was seen to send, or `structured`.
 */
export type Mode = 'binary' | 'raw' | 'structured';
export const MODES: readonly Mode[] = ['binary', 'raw', 'structured'];

export interface CompletionWrite {
  coupleId?: string;
  dateKey?: string;
  questId?: string;
  userId?: string;
  before?: JsonValue;
  after?: JsonValue;
  time?: string;
  id?: string;
  authtype?: string;
  authid?: string;
  /** Any other attribute; `undefined` leaves one out. */
  attributes?: Record<string, JsonValue | undefined>;
}

const FIXTURES = join(__dirname, '..', 'fixtures', 'events');
const INSTANCE = 'demo-quests-default-rtdb';
let lastId = 0;

/** The event that RTDB emits for one write of a completion; what is not given has a default. */
export function completionEvent(write: CompletionWrite = {}): CloudEvent {
  const ref = refOf(write);
  lastId += 1;
  const event = {
    specversion: '1.0',
    id: write.id ?? `event-${process.pid}-${lastId}`,
    type: 'google.firebase.database.ref.v1.written',
    source: `//firebasedatabase.googleapis.com/projects/_/locations/us-central1/instances/${INSTANCE}`,
    subject: `refs/${ref}`,
    time: write.time ?? '2025-11-19T12:00:00.123456Z',
    datacontenttype: 'application/json',
    ref,
    instance: INSTANCE,
    firebasedatabasehost: 'firebaseio.com',
    location: 'us-central1',
    authtype: write.authtype,
    authid: write.authid,
    data: {
      '@type': 'type.googleapis.com/google.events.firebase.database.v1.ReferenceEventData',
      data: write.before ?? null,
      delta: deltaOf(write.before ?? null, write.after === undefined ? true : write.after),
    },
    ...write.attributes,
  };
  return withoutUndefined(event);
}

/** The path of the leaf that a write is about. */
export function refOf(write: CompletionWrite): string {
  const { coupleId = 'alice_bob_smith', dateKey = '2025-11-19' } = write;
  const { questId = 'quest_1763510400100_quiz', userId = 'alice' } = write;
  return `daily_quests/${coupleId}/${dateKey}/completions/${questId}/${userId}`;
}

export function fixtureNames(): string[] {
  return readdirSync(FIXTURES).map((file) => file.replace(/\.json$/, ''));
}

export function fixtureEvent(name: string): CloudEvent {
  const event: CloudEvent = JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), 'utf8'));
  return event;
}

/** What RTDB would send as the change from one value to another: null removes. */
function deltaOf(before: JsonValue, after: JsonValue): JsonValue {
  if (!isRecord(before) || !isRecord(after)) return after;
  const delta: JsonRecord = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    delta[key] = deltaOf(before[key] ?? null, after[key] ?? null);
  }
  return delta;
}

function isRecord(value: JsonValue): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withoutUndefined(record: Record<string, JsonValue | undefined>): JsonRecord {
  const kept: JsonRecord = {};
  for (const [key, value] of Object.entries(record)) if (value !== undefined) kept[key] = value;
  return kept;
}

/** Delivers an event once; answers the status, 0 where no answer came. */
export function send(url: string, event: CloudEvent, mode: Mode = 'binary'): Promise<number> {
  if (mode === 'binary') return sendBinary(url, event);
  if (mode === 'raw') return sendBinary(url, event, rawHeader);
  return post(url, { 'content-type': 'application/cloudevents+json' }, JSON.stringify(event));
}

/** @param encode how an attribute becomes a header */
export function sendBinary(
  url: string,
  event: CloudEvent,
  encode = encodeHeader,
  more: Record<string, string> = {},
): Promise<number> {
  const { data, datacontenttype, ...attributes } = event;
  const headers = Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [`ce-${name}`, encode(String(value))]),
  );
  const contentType = { 'content-type': String(datacontenttype ?? 'application/json') };
  return post(
    url,
    { ...headers, ...contentType, ...more },
    data === undefined ? '' : JSON.stringify(data),
  );
}

/**
 * CloudEvents HTTP binding, 3.1.3.2: everything but printable ASCII, and the space, the double
 * quote and the percent sign, as percent-encoded UTF-8.
 */
export function encodeHeader(value: string): string {
  return value.replace(/[^!#$&-~]/gu, percentEncode);
}

/** The bytes of UTF-8, one character each, as Node writes headers; no space at the ends survives. */
export function rawHeader(value: string): string {
  return Buffer.from(value.replace(/^ +| +$/g, percentEncode), 'utf8').toString('latin1');
}

export function percentEncode(text: string): string {
  const bytes = [...Buffer.from(text, 'utf8')];
  return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

const agent = new Agent({ keepAlive: false });

/** POST without any help of fetch, which refuses some headers that real senders send. */
export function post(url: string, headers: Record<string, string>, body: string): Promise<number> {
  return new Promise((resolve) => {
    const length = { 'content-length': String(Buffer.byteLength(body)) };
    const call = request(url, { method: 'POST', agent, headers: { ...headers, ...length } });
    call.on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.on('error', () => resolve(0));
    });
    call.on('error', () => resolve(0));
    // The platform's limit for an event; without one a lost answer would hold the test run.
    call.setTimeout(60_000, () => call.destroy());
    // As bytes: Node would write a text body together with the headers, all of it as UTF-8.
    call.end(Buffer.from(body));
  });
}
