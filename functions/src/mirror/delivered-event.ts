import { REFUSED_IN_KEY } from '../values/rtdb-key';
import { changedValue } from '../values/rtdb-value';

/** A write event as it was delivered, its attributes by name. Nothing of it but the ref was checked. */
export interface DeliveredEvent {
  id: unknown;
  time: unknown;
  /** The RTDB path that it names, see {@link pathOfRef}; empty where it names none. */
  ref: string;
  /** Whether it brought data at all. */
  hasData: boolean;
  /** The value before the write. */
  before: unknown;
  /** The value after it: `before` with the event's change laid over it. */
  after: unknown;
  instance: unknown;
  databaseHost: unknown;
  authType: unknown;
  authId: unknown;
}

type Attributes = Readonly<Record<string, unknown>>;

/**
 * Reads a delivered CloudEvent by hand. The SDK's snapshots take `data` and `delta` for JavaScript
 * objects with a prototype: a field called `hasOwnProperty` makes them throw, `__proto__` and
 * `constructor` get lost. And without a ref or data the SDK throws, or sees a deletion that nobody made.
 *
 * Pure; never throws.
 *
 * @param raw what functions-framework or the emulator hands to a function: any JSON at all
 */
export function readDeliveredEvent(raw: unknown): DeliveredEvent {
  const event = unwrapped(isObject(raw) ? raw : {});
  const structured = Object.hasOwn(event, 'datacontenttype');
  const data = isObject(event.data) && !Array.isArray(event.data) ? event.data : {};
  const before = own(data, 'data') ?? null;
  return {
    id: event.id,
    time: event.time,
    ref: typeof event.ref === 'string' ? pathOfRef(event.ref, structured) : '',
    // Either may be left out for null. With neither there would be a deletion that nobody made.
    hasData: Object.hasOwn(data, 'data') || Object.hasOwn(data, 'delta'),
    before,
    after: changedValue(before, own(data, 'delta') ?? null),
    instance: event.instance,
    databaseHost: event.firebasedatabasehost,
    authType: event.authtype,
    // It is compared to a key of the path, so it is read as the path is.
    authId:
      structured || typeof event.authid !== 'string' ? event.authid : textOfHeader(event.authid),
  };
}

/**
 * Eventarc delivers an event whose attributes no HTTP header can hold, such as a key that ends in a
 * space, as a Pub/Sub message: attributes under their headers' names, the data in base64.
 *
 * Source: functions-framework-nodejs pull request 786; what functions-framework 5.0 makes of it.
 */
function unwrapped(event: Attributes): Attributes {
  const message = isObject(event.data) ? own(event.data, 'message') : undefined;
  const attributes = isObject(message) ? own(message, 'attributes') : undefined;
  if (!isObject(message) || !isObject(attributes) || !Object.hasOwn(attributes, 'ce-ref')) {
    return event;
  }
  const carried: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('ce-')) carried[name.slice('ce-'.length)] = value;
  }
  // As in a binary event, its media type is no attribute.
  delete carried.datacontenttype;
  return { ...carried, data: jsonOfBase64(own(message, 'data')) };
}

function jsonOfBase64(text: unknown): unknown {
  if (typeof text !== 'string') return undefined;
  try {
    return JSON.parse(Buffer.from(text, 'base64').toString('utf8'));
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null;
}

function own(object: Attributes, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/**
 * The RTDB path that an event names, however it travelled.
 *
 * In a structured CloudEvent (a JSON body) `ref` is literal. In binary mode it is the header
 * `ce-ref`: the CloudEvents HTTP binding (section 3.1.3.2) wants everything but printable ASCII, and
 * `%` itself, percent-encoded. Not every sender does that: Eventarc was seen to write raw UTF-8
 * (firebase-functions issue 1459), which Node reads as Latin-1, and then a `%` stands for itself.
 * The SDK's `params` are decoded in both modes, which makes the keys `a%41` and `aA` one: so keys
 * come from here alone.
 *
 * What tells the modes apart is `datacontenttype`: in binary mode it is the header Content-Type and
 * must not come as an attribute (section 3.1.1). A structured event may leave it out.
 *
 * @param ref the event's `ref`
 * @param structured whether the event came in structured mode
 */
export function pathOfRef(ref: string, structured: boolean): string {
  const path = structured ? ref : textOfHeader(ref);
  return path.replace(/^\/+|\/+$/g, '');
}

/** The text that a header of a binary CloudEvent stands for. */
function textOfHeader(header: string): string {
  const text = asUtf8(header);
  return text.includes('%') && isEncoded(text) ? decodeURIComponent(text) : text;
}

/**
 * Whether an encoder wrote the text. None leaves what must be encoded, or encodes a letter or digit;
 * and none can have met what no key holds. `/` is a key's part nowhere: encoded beside a literal one,
 * the author of the key wrote it out.
 */
function isEncoded(text: string): boolean {
  if (/[^!#-~]/.test(text)) return false;
  const decoded = decodedOrNull(text);
  if (decoded === null || decoded.includes('\ufffd')) return false;
  for (const [, code = ''] of text.matchAll(/%([0-7][0-9A-F])/gi)) {
    const character = String.fromCharCode(Number.parseInt(code, 16));
    if (/[A-Za-z0-9]/.test(character)) return false;
    if (character === '/' ? text.includes('/') : REFUSED_IN_KEY.test(character)) return false;
  }
  return true;
}

function decodedOrNull(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function asUtf8(header: string): string {
  if (!/[\u0080-\u00ff]/.test(header) || /[\u0100-\uffff]/.test(header)) return header;
  const text = Buffer.from(header, 'latin1').toString('utf8');
  return text.includes('\ufffd') ? header : text;
}
