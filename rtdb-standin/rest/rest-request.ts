import type { IncomingMessage } from 'node:http';
import { type Auth, authOfToken, authOfVariable, UNAUTHENTICATED } from '../credentials';
import { RtdbError, WRITE_TOO_BIG } from '../rtdb-error';

const MAX_BODY_BYTES = 256 * 1024 * 1024;

/** The requester: `Authorization: Bearer`, `access_token`, `auth`. Throws `RtdbError` `invalid_token`. */
export function requestAuth(request: IncomingMessage, parameters: URLSearchParams): Auth {
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const token = bearer ?? parameters.get('access_token') ?? parameters.get('auth');
  const auth = token ? authOfToken(token) : UNAUTHENTICATED;
  const override = parameters.get('auth_variable_override');
  if (auth.kind !== 'admin' || override === null) {
    return auth;
  }
  try {
    return authOfVariable(JSON.parse(override));
  } catch {
    throw new RtdbError('invalid', 'auth_variable_override must be valid JSON');
  }
}

export function requireAdmin(auth: Auth): void {
  if (auth.kind !== 'admin') {
    throw new RtdbError('permission_denied', 'Permission denied');
  }
}

/** The body as text. Throws `RtdbError` `write_too_big` beyond 256 MB. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    bytes += buffer.length;
    if (bytes > MAX_BODY_BYTES) {
      throw new RtdbError('write_too_big', WRITE_TOO_BIG);
    }
    chunks.push(buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export async function readJson(request: IncomingMessage): Promise<unknown> {
  const text = await readBody(request);
  try {
    return JSON.parse(text);
  } catch {
    throw new RtdbError('invalid', "Invalid data; couldn't parse JSON object, array, or value.");
  }
}
