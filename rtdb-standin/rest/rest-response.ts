import type { ServerResponse } from 'node:http';
import { RtdbError, type RtdbErrorCode } from '../rtdb-error';

const STATUS: Readonly<Record<RtdbErrorCode, number>> = {
  invalid: 400,
  permission_denied: 401,
  invalid_token: 401,
  datastale: 412,
  write_too_big: 400,
};

export interface JsonResponse {
  readonly status?: number;
  readonly body: unknown;
  readonly print?: string | null;
  readonly etag?: string | undefined;
  /** The function that JSONP calls with the value. */
  readonly callback?: string | null;
}

/** Sends JSON; `print=silent` sends 204 without a body, `print=pretty` indents. */
export function sendJson(response: ServerResponse, json: JsonResponse): void {
  const { status = 200, body, print, etag, callback } = json;
  if (etag !== undefined) {
    response.setHeader('ETag', etag);
  }
  response.setHeader('Cache-Control', 'no-cache');
  if (print === 'silent' && status < 300) {
    response.writeHead(204).end();
    return;
  }
  const text = print === 'pretty' ? JSON.stringify(body, null, 2) : JSON.stringify(body);
  const type = callback ? 'application/javascript' : 'application/json';
  response
    .writeHead(status, { 'Content-Type': `${type}; charset=utf-8` })
    .end(callback ? `${callback}(${text});` : text);
}

/** `callback=` of JSONP. Throws `RtdbError` `invalid` unless it is a name, as it becomes a script. */
export function callbackName(parameters: URLSearchParams): string | null {
  const name = parameters.get('callback');
  if (name !== null && !/^[\w$][\w$.]{0,99}$/.test(name)) {
    throw new RtdbError('invalid', 'callback must be the name of a function');
  }
  return name;
}

export function sendNotModified(response: ServerResponse, etag: string): void {
  response.writeHead(304, { ETag: etag, 'Cache-Control': 'no-cache' }).end();
}

/** Sends a refusal as RTDB words it, `{"error": …}`; anything else is our fault, a 500. */
export function sendError(response: ServerResponse, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const status = error instanceof RtdbError ? STATUS[error.code] : 500;
  sendJson(response, { status, body: { error: message } });
}
