import type { ServerResponse } from 'node:http';
import { RtdbError, type RtdbErrorCode } from '../rtdb-error';

const STATUS: Readonly<Record<RtdbErrorCode, number>> = {
  invalid: 400,
  permission_denied: 401,
  invalid_token: 401,
  datastale: 412,
};

export interface JsonResponse {
  readonly status?: number;
  readonly body: unknown;
  readonly print?: string | null;
  readonly etag?: string | undefined;
}

/** Sends JSON; `print=silent` sends 204 without a body, `print=pretty` indents. */
export function sendJson(response: ServerResponse, json: JsonResponse): void {
  const { status = 200, body, print, etag } = json;
  if (etag !== undefined) {
    response.setHeader('ETag', etag);
  }
  response.setHeader('Cache-Control', 'no-cache');
  if (print === 'silent' && status < 300) {
    response.writeHead(204).end();
    return;
  }
  const text = print === 'pretty' ? JSON.stringify(body, null, 2) : JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' }).end(text);
}

/** Sends a refusal as RTDB words it, `{"error": …}`; anything else is our fault, a 500. */
export function sendError(response: ServerResponse, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const status = error instanceof RtdbError ? STATUS[error.code] : 500;
  sendJson(response, { status, body: { error: message } });
}
