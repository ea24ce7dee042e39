import { changedValue } from '../values/rtdb-value';
import { textOfHeader } from './event-ref';
import type { WrittenEvent } from './written-event';

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
export function readDeliveredEvent(raw: unknown): WrittenEvent {
  const event = unwrapped(isObject(raw) ? raw : {});
  const structured = Object.hasOwn(event, 'datacontenttype');
  const data = isObject(event.data) && !Array.isArray(event.data) ? event.data : {};
  const before = own(data, 'data') ?? null;
  return {
    id: event.id,
    time: event.time,
    ref: event.ref,
    structured,
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
