import { subscribe } from 'node:diagnostics_channel';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/**
 * functions-framework inflates and parses every body, up to 1 GB, before a function is called. So
 * the HTTP functions hide their bodies. Node announces a request synchronously, before any handler
 * sees it; without these headers the framework's parsers take it for one without a body, and the
 * function reads the stream itself.
 *
 * Source: Node.js documentation, "Diagnostics Channel", `http.server.request.start`; body-parser's
 * `hasBody` (package type-is).
 */
const ANNOUNCED = 'http.server.request.start';
const BODY_HEADERS = ['content-length', 'transfer-encoding', 'content-encoding', 'content-type'];

/** What a request said before the framework saw it. */
export interface Arrival {
  /** Path and query. */
  url: string;
  headers: IncomingHttpHeaders;
  /** False where the framework has read the body: no announcement came. */
  isUntouched: boolean;
}

const arrivals = new WeakMap<IncomingMessage, Arrival>();

/** Hides bodies where this process runs that function; other functions keep what is parsed. */
export function hideBodies(functionName: string): void {
  if (process.env.FUNCTION_TARGET !== functionName) return;
  subscribe(ANNOUNCED, (message) => hide((message as { request: IncomingMessage }).request));
}

export function arrivalOf(request: IncomingMessage & { originalUrl?: string }): Arrival {
  const url = request.originalUrl || request.url || '/';
  return arrivals.get(request) ?? { url, headers: request.headers, isUntouched: false };
}

function hide(request: IncomingMessage): void {
  const { headers, url = '/' } = request;
  const arrival = { url, headers: { ...headers }, isUntouched: true };
  arrivals.set(request, arrival);
  for (const name of BODY_HEADERS) delete headers[name];
  // Else Node would ask the sender for the body that is refused.
  if (refusalOf(arrival) !== null) delete headers.expect;
  // Express would log a path that it can't decode, with a stack.
  if (!isDecodable(url)) request.url = '/';
}

function isDecodable(url: string): boolean {
  try {
    decodeURIComponent(url.split('?', 1)[0] ?? '');
    return true;
  } catch {
    return false;
  }
}

/** Nobody sends this much: a claim has some 200 bytes. */
export const MAX_BODY_BYTES = 16 * 1024;
/** How long a body may take; phones on a bad network send theirs in one packet. */
const BODY_WITHIN_MS = 5_000;

/** A body, the status that refuses it, or null: the sender went away. */
export type TakenBody = Buffer | 408 | 413 | 415 | null;

/**
 * Reads a request's body: at most {@link MAX_BODY_BYTES}, not compressed, within five seconds. What
 * the headers tell of is refused unread.
 */
export function takeBody(request: IncomingMessage): Promise<TakenBody> {
  const arrival = arrivalOf(request);
  const refusal = refusalOf(arrival);
  if (refusal !== null) return Promise.resolve(refusal);
  return arrival.isUntouched ? readStream(request) : Promise.resolve(parsedBody(request));
}

/** Whether the request announces a body at all. Source: RFC 9112, section 6. */
export function hasBody({ headers }: Arrival): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function refusalOf(arrival: Arrival): 413 | 415 | null {
  const { 'content-encoding': encoding = 'identity', 'content-length': length } = arrival.headers;
  if (encoding.toLowerCase() !== 'identity') return 415;
  return Number(length ?? 0) > MAX_BODY_BYTES ? 413 : null;
}

function readStream(request: IncomingMessage): Promise<TakenBody> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle = (taken: TakenBody) => {
      clearTimeout(timer);
      request.off('data', take).pause();
      resolve(taken);
    };
    const take = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) return settle(413);
      chunks.push(chunk);
    };
    const timer = setTimeout(() => settle(408), BODY_WITHIN_MS);
    request.on('data', take);
    request.once('end', () => settle(Buffer.concat(chunks)));
    request.once('error', () => settle(null));
    request.once('close', () => settle(null));
  });
}

/** Of a request that the framework has read: in the emulator's debugger, and by discovery. */
function parsedBody(request: IncomingMessage & { rawBody?: Buffer }): Buffer | 413 {
  const { rawBody = Buffer.alloc(0) } = request;
  return rawBody.length > MAX_BODY_BYTES ? 413 : rawBody;
}
