import { problem } from './problem';
import { TokenError, type VerifyToken } from './token-verifier';

/**
 * The subject of a request's bearer token, or the problem with it. Rejects where the keys can't be had:
 * that is no fault of the token. Source of the header's form: RFC 6750.
 */
export async function authenticate(
  header: string | undefined,
  verifyToken: VerifyToken,
): Promise<string | Response> {
  const token = /^Bearer +([\w~+/.=-]+) *$/i.exec(header ?? '')?.[1];
  if (token === undefined) {
    return problem(401, { headers: { 'www-authenticate': 'Bearer' } });
  }
  try {
    return await verifyToken(token);
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    return problem(401, {
      detail: error.message,
      headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
    });
  }
}
