import type { DatabaseEvent } from './database-event';

/** How events travel: attributes in `ce-` headers, as production sends them, or all in the body. */
export type EventMode = 'binary' | 'structured';

/**
 * How attributes become headers: `raw` UTF-8, or `encoded` as the CloudEvents HTTP binding asks.
 * Eventarc was seen to send raw ones, for Firestore: firebase-functions 1459, and
 * functions-framework-nodejs 780. Nobody told of RTDB's, which come by the same way.
 */
export type RefForm = 'raw' | 'encoded';

export interface EventForm {
  readonly mode: EventMode;
  readonly refForm: RefForm;
}

export interface EventRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function percentEncode(character: string): string {
  const bytes = [...Buffer.from(character, 'utf8')];
  return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

/**
 * Percent-encodes a header value: everything but printable ASCII, and space, `"` and `%`.
 * CloudEvents HTTP protocol binding 1.0.2, section 3.1.3.2.
 */
export function encodeHeaderValue(value: string): string {
  return value.replace(/[^\u0021-\u007e]|["%]/gu, percentEncode);
}

/**
 * The value's UTF-8 bytes, as Node wants them. What no header holds is encoded: control characters,
 * and spaces at the ends, for which Eventarc falls back to Pub/Sub messages
 * (functions-framework-nodejs 786).
 */
function rawHeaderValue(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const held = value.replace(/[\u0000-\u001f\u007f]|^ +| +$/g, percentEncode);
  return Buffer.from(held, 'utf8').toString('latin1');
}

/** The HTTP request that carries an event. */
export function eventRequest(event: DatabaseEvent, form: EventForm): EventRequest {
  if (form.mode === 'structured') {
    return {
      headers: { 'content-type': 'application/cloudevents+json; charset=utf-8' },
      body: JSON.stringify(event),
    };
  }
  const headerValue = form.refForm === 'raw' ? rawHeaderValue : encodeHeaderValue;
  const { data, datacontenttype, ...attributes } = event;
  const headers = Object.entries(attributes).map(
    ([name, value]) => [`ce-${name}`, headerValue(value)] as const,
  );
  return {
    headers: { ...Object.fromEntries(headers), 'content-type': datacontenttype },
    body: JSON.stringify(data),
  };
}

/** What a 1st-gen function gets: data and context, as the functions emulator passes them on. */
export function legacyRequest(event: DatabaseEvent, eventType: string): EventRequest {
  const { id: eventId, time: timestamp, instance, ref, authtype, authid, data } = event;
  const isUser = authtype === 'app_user';
  const context = {
    ...{ eventId, timestamp, eventType },
    resource: { service: 'firebaseio.com', name: `projects/_/instances/${instance}/refs/${ref}` },
    auth: { admin: authtype === 'admin', ...(isUser && { variable: { uid: authid, token: {} } }) },
  };
  return {
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify({ context, data: { data: data.data, delta: data.delta } }),
  };
}
