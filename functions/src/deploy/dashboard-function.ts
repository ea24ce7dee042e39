import type { ServerResponse } from 'node:http';
import { error as logError, write } from 'firebase-functions/logger';
import {
  type HttpsFunction,
  onRequest,
  type Request as PlatformRequest,
} from 'firebase-functions/v2/https';
import type { Hono } from 'hono';
import { createDashboard, isLocal } from '../dashboard/app';
import { readPageAssets } from '../dashboard/page-assets';
import { ConfigurationError } from '../errors/mirror-error';
import type { MirroredPath } from '../paths/mirrored-path';
import { ReadOnlyTransactions } from '../postgres/read-only-transactions';
import { sqlstateOf } from '../postgres/sqlstate';
import { rtdbShards } from '../readings/rtdb-shards';
import { arrivalOf, hasBody, hideBodies } from '../runtime/request-body';
import { endUnread, logNotConfigured, streamBody, urlOf, writeHead } from '../runtime/web-response';
import { errorName } from '../values/error-text';
import { openRtdb } from './from-environment';
import { SERVICE_CONNECTIONS } from './service-connections';
import {
  DATABASE_URL,
  isEmulator,
  kitInstanceOf,
  postgresConfig,
  projectOf,
  proofTimes,
  RTDB_REGION,
  readSettings,
} from './settings';

hideBodies('mirrorDashboard');

/** What the mirror knows, for people. Google's IAM lets them in (roles/run.invoker), nobody else. */
export function dashboardFunction(paths: readonly MirroredPath[]): HttpsFunction {
  const answer = createAnswer(paths);
  return onRequest(
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
}

function openDashboard(paths: readonly MirroredPath[]): Hono {
  const transactions = new ReadOnlyTransactions(
    postgresConfig(process.env),
    SERVICE_CONNECTIONS.mirrorDashboard,
  );
  const rtdb = openRtdb(process.env);
  const shards = rtdbShards(rtdb);
  const { mirroringEnabled, retentionDays } = readSettings(process.env);
  let isOwn = false;
  return createDashboard({
    transactions,
    paths,
    retentionDays,
    times: proofTimes(process.env),
    async readRtdb(keys) {
      // Nothing is shown of an RTDB that this database doesn't mirror.
      if (!isOwn) await transactions.read((statements) => rtdb.expectOwn(statements, 'leave'));
      isOwn = true;
      return shards.read(keys);
    },
    projectId: projectOf(process.env),
    instance: kitInstanceOf(process.env),
    isEnabledHere: mirroringEnabled,
    assets: readPageAssets(),
    onFailure: logFailure,
  });
}

/** Answers one request of the platform's, and logs what was answered: no address, no ids. */
function createAnswer(paths: readonly MirroredPath[]) {
  let app: Hono | null = null;
  const open = () => {
    app ??= openDashboard(paths);
    return app;
  };
  return async (request: PlatformRequest, response: ServerResponse): Promise<void> => {
    const startedAt = performance.now();
    const answered = await answerOf(request, open);
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
  };
}

async function answerOf(request: PlatformRequest, open: () => Hono): Promise<Response> {
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
  let app: Hono;
  try {
    app = open();
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
