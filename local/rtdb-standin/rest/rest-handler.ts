import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseEncodedPath } from '../data/path';
import { namespaceName, type Standin } from '../standin';
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

async function route(
  standin: Standin,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://standin');
  const parameters = url.searchParams;
  const override = request.headers['x-http-method-override'];
  const method = typeof override === 'string' ? override.toUpperCase() : (request.method ?? 'GET');
  const settings = SETTINGS.get(url.pathname);
  if (settings === undefined && !url.pathname.endsWith('.json')) {
    const error = 'Append .json to your request URI to use the REST API.';
    sendJson(response, { status: 404, body: { error } });
    return;
  }
  const auth = requestAuth(request, parameters);
  const namespace = standin.namespace(namespaceName(url, request.headers.host));
  if (settings !== undefined) {
    requireAdmin(auth);
    await settings({ request, response, standin, namespace, method });
    return;
  }
  const path = parseEncodedPath(url.pathname.slice(0, -'.json'.length));
  await handleData({ request, response, standin, namespace, method, path, parameters, auth });
}

/** The HTTP side of the stand-in, for `http.createServer`. */
export function restHandler(
  standin: Standin,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    allowAnyOrigin(request, response);
    if (request.method === 'OPTIONS') {
      response.writeHead(204).end();
      return;
    }
    route(standin, request, response).catch((error: unknown) => {
      if (response.headersSent) {
        response.destroy();
      } else {
        sendError(response, error);
      }
    });
  };
}
