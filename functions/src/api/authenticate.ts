import { problem, unavailable } from './problem';
import { rtdbKeySchema } from './rtdb-key';
import { KeysBusyError, TokenError, type VerifyToken } from './token-verifier';

/**
 * The user of a request's bearer token, or the problem with it. Rejects where the keys can't be read:
 * that isn't the token's fault. Source of the header's form: RFC 6750.
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
    const subject = await verifyToken(token);
    // It becomes a part of paths; a user whose id RTDB doesn't allow as a key can't have completions.
    if (rtdbKeySchema.safeParse(subject).success) return subject;
    return problem(403, { detail: "the token's subject can't be a user's id" });
  } catch (error) {
    if (error instanceof KeysBusyError) return unavailable(error.retryAfterSeconds);
    if (!(error instanceof TokenError)) throw error;
    return problem(401, {
      detail: error.message,
      headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
    });
  }
}
