import * as http from 'node:http';
import * as https from 'node:https';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Json } from '../values/json';
import type { RtdbDatabase } from './rtdb-database';

/**
 * What requests cost. RTDB bills all traffic that leaves it at the session layer (layer 5), heads and
 * encryption included, about 3.5 KB for the handshake of each connection. The page doesn't name
 * compression, but what leaves at that layer is compressed already: `wireBytes`, not `bytes`.
 *
 * Source: https://firebase.google.com/docs/database/usage/billing
 */
export interface RtdbUsage {
  /** Requests that were answered, refusals among them. */
  requests: number;
  /** Connections that were opened for them. */
  connections: number;
  /** Heads and bodies of the answers, as they came. */
  wireBytes: number;
  /** Bodies of the answers, decompressed. */
  bytes: number;
}

/** One request, as it is sent. */
export interface RestRequest {
  database: RtdbDatabase;
  /** Literal keys, not encoded. */
  path: readonly string[];
  /** REST parameters, such as `shallow`. */
  query?: Readonly<Record<string, string>>;
  /** What to set there. Default: it is read. */
  value?: Json;
  token: string;
  signal: AbortSignal;
  usage: RtdbUsage;
}

const AGENTS = {
  http: new http.Agent({ keepAlive: true }),
  https: new https.Agent({ keepAlive: true }),
};

export function newUsage(): RtdbUsage {
  return { requests: 0, connections: 0, wireBytes: 0, bytes: 0 };
}

/**
 * Sends a request; resolves with the head of the answer. By Node's own client: `fetch` doesn't say how
 * many bytes came. No redirect is followed, as the token is for this host.
 *
 * @returns rejects as Node does: out of reach, cut off, aborted
 */
export function answerTo(request: RestRequest): Promise<http.IncomingMessage> {
  const { database, value, token, signal, usage } = request;
  const isSecure = database.origin.startsWith('https:');
  const body = value === undefined ? undefined : JSON.stringify(value);
  const options = {
    agent: isSecure ? AGENTS.https : AGENTS.http,
    method: body === undefined ? 'GET' : 'PUT',
    path: pathOf(request),
    signal,
    headers: {
      authorization: `Bearer ${token}`,
      'accept-encoding': 'gzip',
      // Some of Google's servers compress only for an agent that says `gzip` here, too:
      // https://developers.google.com/drive/api/guides/performance#gzip
      'user-agent': 'quest-mirror (gzip)',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
  };
  return new Promise((resolve, reject) => {
    const outgoing = (isSecure ? https : http).request(database.origin, options);
    let isAnswered = false;
    outgoing.once('response', (response) => {
      isAnswered = true;
      countHead(response, outgoing.reusedSocket, usage);
      resolve(response);
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      // The server closed an idle connection just as it was used again: nothing was asked yet.
      const isStale = outgoing.reusedSocket && error.code === 'ECONNRESET' && !isAnswered;
      if (isStale) answerTo(request).then(resolve, reject);
      else reject(error);
    });
    outgoing.end(body);
  });
}

function pathOf({ database, path, query = {} }: RestRequest): string {
  const parameters = new URLSearchParams(query);
  if (database.namespace !== null) parameters.set('ns', database.namespace);
  return `/${path.map(encodeURIComponent).join('/')}.json?${parameters}`;
}

function countHead(
  { rawHeaders }: http.IncomingMessage,
  isReused: boolean,
  usage: RtdbUsage,
): void {
  const punctuation = 'HTTP/1.1 200 OK\r\n\r\n'.length + rawHeaders.length * 2;
  usage.requests += 1;
  usage.connections += isReused ? 0 : 1;
  usage.wireBytes += rawHeaders.reduce((bytes, text) => bytes + text.length, punctuation);
}

/** The chunks of a body, decompressed and counted; who takes no more of them ends the transfer. */
export async function* chunksOf(
  response: http.IncomingMessage,
  usage: RtdbUsage,
): AsyncGenerator<Buffer, void> {
  const sent = counted(response, usage, 'wireBytes');
  const isGzipped = response.headers['content-encoding'] === 'gzip';
  // An error reaches the reader of the end of the pipeline.
  const body: AsyncIterable<Buffer> = isGzipped ? pipeline(sent, createGunzip(), () => {}) : sent;
  yield* counted(body, usage, 'bytes');
}

async function* counted(
  chunks: AsyncIterable<Buffer>,
  usage: RtdbUsage,
  as: 'wireBytes' | 'bytes',
): AsyncGenerator<Buffer, void> {
  for await (const chunk of chunks) {
    usage[as] += chunk.length;
    yield chunk;
  }
}

/** A whole body; null, and no more of it is read, where it has more bytes. */
export async function bodyUpTo(
  maxBytes: number,
  response: http.IncomingMessage,
  usage: RtdbUsage,
): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunksOf(response, usage)) {
    bytes += chunk.length;
    if (bytes > maxBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
