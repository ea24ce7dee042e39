import type { ServerResponse } from 'node:http';
import { error as logError, write } from 'firebase-functions/logger';
import { onRequest, type Request as PlatformRequest } from 'firebase-functions/v2/https';
import type { Hono } from 'hono';
import { createApi } from '../api/app';
import { daysOfRtdb } from '../api/compare-day';
import { type ProblemStatus, problem, unavailable } from '../api/problem';
import { createTokenVerifier } from '../api/token-verifier';
import { ConfigurationError } from '../errors/mirror-error';
import { sqlstateOf } from '../postgres/sqlstate';
import { arrivalOf, hideBodies, takeBody } from '../runtime/request-body';
import { endUnread, logNotConfigured, urlOf, writeHead } from '../runtime/web-response';
import { errorName } from '../values/error-text';
import { openPostgres, openRtdb } from './from-environment';
import { prepareEvaluation } from './prepare-evaluation';
import { API_SECRETS, apiSettings, DATABASE_URL, RTDB_REGION, readSettings } from './settings';

hideBodies('mirrorApi');

/** Old phones' second write and the validation read; each request brings its own token. */
export const mirrorApi = onRequest(
  {
    region: RTDB_REGION,
    secrets: [DATABASE_URL, ...API_SECRETS],
    invoker: 'public',
    concurrency: 80,
    maxInstances: 10,
    memory: '256MiB',
    timeoutSeconds: 30,
  },
  answer,
);

let app: Hono | null = null;

function openApi(): Hono {
  const { connectionsMax, retentionDays } = readSettings(process.env);
  const statements = openPostgres(process.env, connectionsMax);
  const rtdb = openRtdb(process.env);
  return createApi({
    statements,
    rtdb: daysOfRtdb(rtdb, () => rtdb.expectOwn(statements)),
    retentionDays,
    prepareEvaluation,
    verifyToken: createTokenVerifier(apiSettings(process.env)),
    onFailure: logFailure,
  });
}

/** Answers one request of the platform's, and logs what was answered: no ids, no bodies. */
async function answer(request: PlatformRequest, response: ServerResponse): Promise<void> {
  const startedAt = performance.now();
  const taken = await takeBody(request);
  // Nobody is left to be answered.
  if (taken === null) return;
  const answered = Buffer.isBuffer(taken)
    ? await answerOf(request, taken)
    : problem(taken, { detail: REFUSALS[taken] });
  writeHead(answered, response);
  response.setHeader('cache-control', 'no-store');
  const body = Buffer.from(await answered.arrayBuffer());
  if (Buffer.isBuffer(taken)) response.end(body);
  else endUnread(request, response, body);
  write({
    severity: answered.status === 503 ? 'WARNING' : 'INFO',
    message: `api ${answered.status}`,
    api_status: answered.status,
    api_method: METHODS.has(request.method) ? request.method : 'other',
    api_ms: Math.round(performance.now() - startedAt),
  });
}

const REFUSALS = {
  408: 'the body took too long',
  413: 'expected at most 16 KiB',
  415: 'expected a body that is not compressed',
} as const satisfies Partial<Record<ProblemStatus, string>>;

async function answerOf(request: PlatformRequest, body: Buffer): Promise<Response> {
  const { url, headers } = arrivalOf(request);
  // A Web request can't have these methods. CONNECT never comes here: Node closes the connection.
  if (request.method === 'TRACE') return problem(405, { headers: { allow: 'GET, HEAD, POST' } });
  try {
    app ??= openApi();
  } catch (error) {
    logFailure(error);
    return unavailable();
  }
  const { authorization = '', 'content-type': type = '' } = headers;
  const hasBody = request.method !== 'GET' && request.method !== 'HEAD';
  return app.fetch(
    new Request(urlOf(url), {
      method: request.method,
      headers: { authorization, 'content-type': type },
      ...(hasBody ? { body: new Uint8Array(body) } : {}),
    }),
  );
}

function logFailure(error: unknown): void {
  if (error instanceof ConfigurationError) logNotConfigured('mirrorApi', error);
  else logError('api failed', { sqlstate: sqlstateOf(error), error: errorName(error) });
}

const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE']);
