import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseEncodedPath } from '../data/path';
import { serveLongPoll } from '../realtime/long-poll';
import { namespaceName, requestTarget, type Standin } from '../standin';
import { handleData } from './rest-data';
import { requestAuth, requireAdmin } from './rest-request';
import { sendError, sendJson } from './rest-response';
import { SETTINGS } from './rest-settings';

function allowAnyOrigin(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('Access-Control-Allow-Origin', request.headers.origin ?? '*');
  response.setHeader('Access-Control-Allow-Methods', 'GET, PUT, POST, PATCH, DELETE, OPTIONS');
  response.setHeader('Access-Control-Expose-Headers', 'ETag');
  const wanted = request.headers['access-control-request-headers'];
  if (wanted !== undefined) {
    response.setHeader('Access-Control-Allow-Headers', wanted);
  }
}

/** Browsers that lack a method send POST and name it in a header, or in the query. */
function methodOf(request: IncomingMessage, parameters: URLSearchParams): string {
  const header = request.headers['x-http-method-override'];
  const override = typeof header === 'string' ? header : parameters.get('x-http-method-override');
  return override?.toUpperCase() ?? request.method ?? 'GET';
}

async function route(
  standin: Standin,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { path: target, parameters } = requestTarget(request);
  if (target === '/.lp') {
    serveLongPoll(standin, request, response);
    return;
  }
  const method = methodOf(request, parameters);
  const settings = SETTINGS.get(target);
  if (settings === undefined && !target.endsWith('.json')) {
    const error = 'Append .json to your request URI to use the REST API.';
    sendJson(response, { status: 404, body: { error } });
    return;
  }
  const auth = requestAuth(request, parameters);
  const namespace = standin.namespace(namespaceName(parameters, request.headers.host));
  if (settings !== undefined) {
    requireAdmin(auth);
    await settings({ request, response, standin, namespace, method, parameters });
    return;
  }
  const path = parseEncodedPath(target.slice(0, -'.json'.length));
  await handleData({ request, response, standin, namespace, method, path, parameters, auth });
}

async function answer(
  standin: Standin,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  allowAnyOrigin(request, response);
  if (request.method === 'OPTIONS') {
    response.writeHead(204).end();
  } else {
    await route(standin, request, response);
  }
}

/** The HTTP side of the stand-in, for `http.createServer`. */
export function restHandler(
  standin: Standin,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    answer(standin, request, response).catch((error: unknown) => {
      if (response.headersSent) {
        response.destroy();
      } else {
        sendError(response, error);
      }
    });
  };
}
