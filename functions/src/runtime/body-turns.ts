import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ByteBudget } from './byte-budget';
import { withoutRequestContext } from './request-context';

/** A body up to here never waits: 80 of them are little. */
const SMALL_BYTES = 16 * 1024;
/**
 * Of all larger bodies that are being handled. Read and parsed, one of many small fields takes up to
 * sixteen times its size, before and after its write are merged and sent.
 */
const MAX_BYTES_AT_ONCE = 1024 * 1024;
/**
 * After so many bytes of them their garbage is collected. V8 by itself lets about 64 MB of buffers
 * and large texts gather first, which is half of what an instance has to spare.
 */
const BYTES_A_COLLECTION = 1024 * 1024;

/** How long a body may take once it has its turn; behind a sender that stalls all others would wait. */
const BODY_WITHIN_MS = 10_000;

const REQUEST_START = 'http.server.request.start';

/**
 * Makes requests with large bodies wait for each other before their body is read. The runtime reads
 * and parses a body before the function sees it, and keeps it until the answer: 80 events of 1 MB
 * would take more memory than an instance has. What waits stays with the sender.
 *
 * The runtime makes its server after it has loaded the function; the first request shows it.
 *
 * @param functionName only a process that runs this function does so
 */
export function readBodiesByTurns(functionName: string): void {
  if (process.env.FUNCTION_TARGET !== functionName) return;
  const onStart = (message: unknown) => {
    unsubscribe(REQUEST_START, onStart);
    putBefore((message as { server: Server }).server);
  };
  subscribe(REQUEST_START, onStart);
}

function putBefore(server: Server): void {
  const listeners = server.listeners('request') as RequestListener[];
  const budget = new ByteBudget(MAX_BYTES_AT_ONCE);
  server.removeAllListeners('request');
  server.on('request', (request, response) => {
    const pass = () => {
      for (const listener of listeners) listener.call(server, request, response);
    };
    const bytes = bytesOf(request);
    if (bytes <= SMALL_BYTES) return pass();
    inTurn(bytes, budget, request, response, () => {
      endIfStalled(request, response);
      pass();
    });
  });
}

function inTurn(
  bytes: number,
  budget: ByteBudget,
  { socket }: IncomingMessage,
  response: ServerResponse,
  pass: () => void,
): void {
  let isClosed = false;
  const turn = budget.enter(bytes);
  const onClose = () => {
    if (isClosed) return;
    isClosed = true;
    socket.off('close', onClose);
    if (turn === null) budget.leave(bytes);
    else void turn.then(() => budget.leave(bytes));
    noteHandled(bytes);
  };
  response.once('close', onClose);
  // A response behind another one of its connection never sees the connection's end.
  socket.once('close', onClose);
  if (turn === null) {
    pass();
    return;
  }
  // Its turn comes in the course of another request, which this one is no part of.
  void turn.then(() => {
    if (!isClosed) withoutRequestContext(pass);
  });
}

/** Its sender sees a connection that broke, and sends the event again. */
function endIfStalled(request: IncomingMessage, response: ServerResponse): void {
  const timer = setTimeout(() => request.complete || request.destroy(), BODY_WITHIN_MS);
  response.once('close', () => clearTimeout(timer));
}

let collect: (() => void) | undefined;
let handledBytes = 0;

function noteHandled(bytes: number): void {
  handledBytes += bytes;
  if (handledBytes < BYTES_A_COLLECTION) return;
  handledBytes = 0;
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  // Once nothing of the request is on the stack.
  withoutRequestContext(() => setImmediate(collect as () => void));
}

/** What a request announces; without that, or compressed, it may be anything. */
function bytesOf({ headers }: IncomingMessage): number {
  if (headers['content-encoding'] !== undefined) return MAX_BYTES_AT_ONCE;
  if (headers['transfer-encoding'] !== undefined) return MAX_BYTES_AT_ONCE;
  return Number(headers['content-length'] ?? 0);
}
