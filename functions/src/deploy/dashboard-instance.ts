import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as WebStream } from 'node:stream/web';
import { error as logError, write } from 'firebase-functions/logger';
import type { Request as PlatformRequest } from 'firebase-functions/v2/https';
import type { Hono } from 'hono';
import { createDashboard } from '../completions-only/dashboard/app';
import { isLocal } from '../completions-only/dashboard/local-only';
import { readPageAssets } from '../completions-only/dashboard/page-assets';
import { createRtdbTree, onlyOwn } from '../completions-only/rtdb-tree';
import { ConfigurationError } from '../errors/configuration-error';
import { ReadOnlyTransactions } from '../postgres/read-only-transactions';
import { sqlstateOf } from '../postgres/sqlstate';
import { identityOf } from '../rtdb/rtdb-database';
import { expectOwnRtdb } from '../rtdb/rtdb-identity';
import { arrivalOf, endUnread, hasBody } from '../runtime/request-body';
import {
  logNotConfigured,
  nameOf,
  type PlatformResponse,
  urlOf,
  writeHead,
} from '../runtime/web-response';
import { postgresConfig, readSettings, rtdbConfig } from './settings';

/** The page's parts are read side by side. */
const CONNECTIONS = 3;

let app: Hono | null = null;

function openDashboard(): Hono {
  const { mirroringEnabled } = readSettings(process.env);
  const transactions = new ReadOnlyTransactions(postgresConfig(process.env), CONNECTIONS);
  const rtdb = rtdbConfig(process.env);
  const named = identityOf(rtdb.database);
  return createDashboard({
    transactions,
    rtdb: onlyOwn(createRtdbTree(rtdb), () =>
      transactions.read((statements) => expectOwnRtdb(statements, named, 'leave')),
    ),
    projectId: process.env.GCLOUD_PROJECT ?? '',
    isEnabledHere: mirroringEnabled,
    assets: readPageAssets(),
    onFailure: logFailure,
  });
}

/** Answers one request of the platform's, and logs what was answered: no address, no ids. */
export async function answer(request: PlatformRequest, response: PlatformResponse): Promise<void> {
  const startedAt = performance.now();
  const answered = await answerOf(request);
  writeHead(answered, response);
  write({
    severity: answered.status >= 500 ? 'WARNING' : 'INFO',
    message: `dashboard ${answered.status}`,
    dashboard_status: answered.status,
    dashboard_ms: Math.round(performance.now() - startedAt),
  });
  if (hasBody(arrivalOf(request))) {
    endUnread(request, response, new Uint8Array(await answered.arrayBuffer()));
    return;
  }
  if (answered.body === null || request.method === 'HEAD') {
    response.end();
    return;
  }
  const body = Readable.fromWeb(answered.body as WebStream<Uint8Array>);
  // What fails midway breaks the transfer off; a reader who went away is no failure.
  await pipeline(body, response).catch((error: unknown) => {
    if (!request.destroyed) logError('dashboard was cut off', { error: nameOf(error) });
  });
}

async function answerOf(request: PlatformRequest): Promise<Response> {
  const arrival = arrivalOf(request);
  const { host } = arrival.headers;
  const isEmulator = process.env.FUNCTIONS_EMULATOR === 'true';
  if (isEmulator && !isLocal({ remoteAddress: request.socket.remoteAddress, host })) {
    return new Response('In the emulator the dashboard answers to localhost only.\n', {
      status: 403,
    });
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return new Response('Only GET and HEAD.\n', { status: 405, headers: { allow: 'GET, HEAD' } });
  }
  if (hasBody(arrival)) return new Response('A request without a body.\n', { status: 413 });
  try {
    app ??= openDashboard();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) {
      logFailure(error);
      return new Response('The dashboard failed; its log says how.\n', { status: 500 });
    }
    logNotConfigured('mirrorDashboard', error);
    return new Response('The dashboard is not configured; its log says what is missing.\n', {
      status: 503,
    });
  }
  return app.fetch(new Request(urlOf(arrival.url), { method: request.method }));
}

function logFailure(error: unknown): void {
  logError('dashboard failed', { sqlstate: sqlstateOf(error), error: nameOf(error) });
}
