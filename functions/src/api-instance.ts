import { error as logError, write } from 'firebase-functions/logger';
import type { Request as PlatformRequest } from 'firebase-functions/v2/https';
import type { Hono } from 'hono';
import { createApi } from './api/app';
import { unavailable } from './api/problem';
import { createTokenVerifier } from './api/token-verifier';
import { apiSettings, postgresConfig, readSettings, rtdbConfig } from './config';
import { Connections } from './postgres/connections';
import { sqlstateOf } from './postgres/sqlstate';
import { createRtdbTree } from './rtdb/rtdb-tree';
import { logNotConfigured, nameOf, type PlatformResponse, urlOf, writeHead } from './web-response';

let app: Hono | null = null;

function openApi(): Hono {
  const { connectionsMax, retentionDays } = readSettings(process.env);
  return createApi({
    statements: new Connections(postgresConfig(process.env), connectionsMax),
    rtdb: createRtdbTree(rtdbConfig(process.env)),
    retentionDays,
    verifyToken: createTokenVerifier(apiSettings(process.env)),
    onFailure: (error) =>
      logError('api failed', { sqlstate: sqlstateOf(error), error: nameOf(error) }),
  });
}

/** Answers one request of the platform's, and logs what was answered: no ids, no bodies. */
export async function answer(request: PlatformRequest, response: PlatformResponse): Promise<void> {
  const startedAt = performance.now();
  const answered = await answerOf(request);
  writeHead(answered, response);
  response.setHeader('cache-control', 'no-store');
  response.end(Buffer.from(await answered.arrayBuffer()));
  write({
    severity: answered.status === 503 ? 'WARNING' : 'INFO',
    message: `api ${answered.status}`,
    api_status: answered.status,
    api_method: METHODS.has(request.method) ? request.method : 'other',
    api_ms: Math.round(performance.now() - startedAt),
  });
}

async function answerOf(request: PlatformRequest): Promise<Response> {
  try {
    app ??= openApi();
    return await app.fetch(webRequest(request));
  } catch (error) {
    logNotConfigured('api', error);
    return unavailable();
  }
}

const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']);

/** The platform has read the body already. */
function webRequest(request: PlatformRequest): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (typeof value === 'string') headers.set(name, value);
  }
  const hasBody = request.method !== 'GET' && request.method !== 'HEAD';
  return new Request(urlOf(request), {
    method: request.method,
    headers,
    ...(hasBody ? { body: request.rawBody ?? Buffer.alloc(0) } : {}),
  });
}
