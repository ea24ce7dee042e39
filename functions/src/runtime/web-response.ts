import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as WebStream } from 'node:stream/web';
import { error as logError } from 'firebase-functions/logger';
import type { ConfigurationError } from '../errors/mirror-error';

/** How long, and how much, of a refused body is read and dropped, so that the sender sees the answer. */
const DROP_FOR_MS = 2_000;
const DROP_BYTES = 10 * 1024 * 1024;

/**
 * The address of a request by its path and query, for Hono, which looks at these alone. A Host of the
 * sender's may not even be a host. Joined as text: resolved as a reference, a path such as `//` would
 * name a host.
 */
export function urlOf(path: string): URL {
  return new URL(`http://localhost${path.startsWith('/') ? path : '/'}`);
}

/** Writes status and headers of a Web response to the platform's; the body is left to the caller. */
export function writeHead(answered: Response, response: ServerResponse): void {
  response.statusCode = answered.status;
  answered.headers.forEach((value, name) => {
    response.setHeader(name, value);
  });
}

/** Sends the body of a Web response as it comes, and ends. Rejects where it breaks off midway. */
export async function streamBody(
  { body }: Response,
  { method }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (body === null || method === 'HEAD') response.end();
  else await pipeline(Readable.fromWeb(body as WebStream<Uint8Array>), response);
}

/**
 * Ends a response whose request may not have been read: the answer goes out at once, the rest of
 * the body is dropped for a moment, then the connection is closed. Closed at once, a sender that
 * still writes would see a reset instead of the answer.
 */
export function endUnread(
  request: IncomingMessage,
  response: ServerResponse,
  body: Uint8Array,
): void {
  response.setHeader('connection', 'close');
  response.setHeader('content-length', body.length);
  response.on('error', () => {});
  response.write(body);
  response.flushHeaders();
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  let dropped = 0;
  const drop = (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped <= DROP_BYTES) return;
    request.off('data', drop).pause();
    end();
  };
  const timer = setTimeout(end, DROP_FOR_MS);
  if (request.complete || request.destroyed) end();
  else request.on('data', drop).on('error', end).once('end', end).once('close', end);
}

/**
 * Logs why a function can't answer: settings that are missing or wrong, so an operator must look. The
 * detail names parameters and what was expected of them, never their values.
 */
export function logNotConfigured(
  functionName: string,
  { name, code, message }: ConfigurationError,
): void {
  logError(`${functionName} is not configured`, { error: name, code, detail: message });
}
