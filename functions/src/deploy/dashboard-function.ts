import type { ServerResponse } from 'node:http';
import { error as logError, write } from 'firebase-functions/logger';
import { onRequest, type Request as PlatformRequest } from 'firebase-functions/v2/https';
import type { Hono } from 'hono';
import { createDashboard } from '../completions-only/dashboard/app';
import { isLocal } from '../completions-only/dashboard/local-only';
import { readPageAssets } from '../completions-only/dashboard/page-assets';
import { createRtdbTree, onlyOwn } from '../completions-only/rtdb-tree';
import { ConfigurationError } from '../errors/mirror-error';
import { ReadOnlyTransactions } from '../postgres/read-only-transactions';
import { sqlstateOf } from '../postgres/sqlstate';
import { arrivalOf, hasBody, hideBodies } from '../runtime/request-body';
import { endUnread, logNotConfigured, streamBody, urlOf, writeHead } from '../runtime/web-response';
import { errorName } from '../values/error-text';
import { openRtdb } from './from-environment';
import {
  DATABASE_URL,
  isEmulator,
  postgresConfig,
  projectOf,
  RTDB_REGION,
  readSettings,
} from './settings';

hideBodies('mirrorDashboard');

/** What the mirror knows, for people. Google's IAM lets them in (roles/run.invoker), nobody else. */
export const mirrorDashboard = onRequest(
  {
    region: RTDB_REGION,
    secrets: [DATABASE_URL],
    invoker: 'private',
    concurrency: 20,
    maxInstances: 2,
    memory: '256MiB',
    timeoutSeconds: 60,
  },
  answer,
);

/** The page's parts are read side by side. */
const CONNECTIONS = 3;

let app: Hono | null = null;

function openDashboard(): Hono {
  const transactions = new ReadOnlyTransactions(postgresConfig(process.env), CONNECTIONS);
  const rtdb = openRtdb(process.env);
  return createDashboard({
    transactions,
    rtdb: onlyOwn(createRtdbTree(rtdb), () =>
      transactions.read((statements) => rtdb.expectOwn(statements, 'leave')),
    ),
    projectId: projectOf(process.env),
    isEnabledHere: readSettings(process.env).mirroringEnabled,
    assets: readPageAssets(),
    onFailure: logFailure,
  });
}

/** Answers one request of the platform's, and logs what was answered: no address, no ids. */
async function answer(request: PlatformRequest, response: ServerResponse): Promise<void> {
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
  // What fails midway breaks the transfer off; a reader who went away is no failure.
  await streamBody(answered, request, response).catch((error: unknown) => {
    if (!request.destroyed) logError('dashboard was cut off', { error: errorName(error) });
  });
}

async function answerOf(request: PlatformRequest): Promise<Response> {
  const arrival = arrivalOf(request);
  const { host } = arrival.headers;
  if (isEmulator(process.env) && !isLocal({ remoteAddress: request.socket.remoteAddress, host })) {
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
  logError('dashboard failed', { sqlstate: sqlstateOf(error), error: errorName(error) });
}
