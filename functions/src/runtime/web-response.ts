import { error as logError } from 'firebase-functions/logger';
import type { Request as PlatformRequest } from 'firebase-functions/v2/https';
import { ConfigurationError } from '../errors/mirror-error';

export type PlatformResponse = NonNullable<PlatformRequest['res']>;

/** Writes status and headers of a Web response to the platform's; the body is left to the caller. */
export function writeHead(answered: Response, response: PlatformResponse): void {
  response.status(answered.status);
  answered.headers.forEach((value, name) => {
    response.setHeader(name, value);
  });
}

/**
 * The address of a request by its path and query, for Hono, which looks at the path and the query alone. A Host of the
 * sender's may not even be a host. Joined as text: resolved as a reference, a path such as `//` would
 * name a host.
 */
export function urlOf(path: string): URL {
  return new URL(`http://localhost${path.startsWith('/') ? path : '/'}`);
}

/**
 * Logs why a function can't answer: settings that are missing or wrong, so an operator must look. The
 * detail names parameters and what was expected of them, never their values.
 */
export function logNotConfigured(functionName: string, error: unknown): void {
  const [code, detail] =
    error instanceof ConfigurationError ? [error.code, error.message] : [null, null];
  logError(`${functionName} is not configured`, { error: nameOf(error), code, detail });
}

/** What a log may show of any error. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}
