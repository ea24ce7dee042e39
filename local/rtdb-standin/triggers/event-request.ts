import type { DatabaseEvent } from './database-event';

/** How events travel: attributes in `ce-` headers, as production sends them, or all in the body. */
export type EventMode = 'binary' | 'structured';

export interface EventRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Percent-encodes a header value: everything but printable ASCII, and space, `"` and `%`.
 * CloudEvents HTTP protocol binding 1.0.2, section 3.1.3.2.
 */
export function encodeHeaderValue(value: string): string {
  return value.replace(/[^\u0021-\u007e]|["%]/gu, (character) =>
    [...Buffer.from(character, 'utf8')]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}

/** The HTTP request that carries an event. */
export function eventRequest(event: DatabaseEvent, mode: EventMode): EventRequest {
  if (mode === 'structured') {
    return {
      headers: { 'content-type': 'application/cloudevents+json; charset=utf-8' },
      body: JSON.stringify(event),
    };
  }
  const { data, datacontenttype, ...attributes } = event;
  const headers = Object.entries(attributes).map(
    ([name, value]) => [`ce-${name}`, encodeHeaderValue(value)] as const,
  );
  return {
    headers: { ...Object.fromEntries(headers), 'content-type': datacontenttype },
    body: JSON.stringify(data),
  };
}
