import {
  createRemoteJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  jwtVerify,
  UnsecuredJWT,
} from 'jose';
import { z } from 'zod';
import type { TokenSettings } from './token-settings';

/** A token that is none, or not for us. The message says why, and never repeats the token. */
export class TokenError extends Error {
  override name = 'TokenError';
}

/** Answers the subject of a token. Rejects with TokenError, or with what kept the keys away. */
export type VerifyToken = (token: string) => Promise<string>;

/** A request has three seconds in all. */
const KEYS_TIMEOUT_MS = 1_500;
const CLOCK_SKEW_SECONDS = 5;

const SUBJECT = z.string().min(1).max(768);

/**
 * Verifies tokens of Firebase and, where configured, of Supabase, by the keys that each publishes.
 * firebase-admin's own verifier can't be given keys, so nothing but Google's hosts could test it.
 */
export function createTokenVerifier(settings: TokenSettings): VerifyToken {
  const firebaseIssuer = `https://securetoken.google.com/${settings.projectId}`;
  const { supabaseIssuer } = settings;
  const firebaseKeys = keysAt(settings.firebaseKeysUrl);
  const supabaseKeys =
    supabaseIssuer === null ? null : keysAt(`${supabaseIssuer}/.well-known/jwks.json`);

  return async (token) => {
    const { issuer, algorithm } = peek(token);
    const audience = issuer === firebaseIssuer ? settings.projectId : 'authenticated';
    const claims = { issuer, audience, clockTolerance: CLOCK_SKEW_SECONDS };
    if (issuer === firebaseIssuer && algorithm === 'none' && settings.acceptsUnsigned) {
      return subjectOf(await refusing(async () => UnsecuredJWT.decode(token, claims).payload));
    }
    const keys =
      issuer === firebaseIssuer ? firebaseKeys : issuer === supabaseIssuer ? supabaseKeys : null;
    if (keys === null) throw new TokenError('the token is of another issuer');
    const algorithms = issuer === firebaseIssuer ? ['RS256'] : ['ES256', 'RS256'];
    const requiredClaims = ['exp', 'iat', 'sub'];
    const options = { ...claims, algorithms, requiredClaims };
    return subjectOf(await refusing(async () => (await jwtVerify(token, keys, options)).payload));
  };
}

function keysAt(url: string) {
  return createRemoteJWKSet(new URL(url), { timeoutDuration: KEYS_TIMEOUT_MS });
}

/** Who says to have issued it; nothing of it is believed before it is verified. */
function peek(token: string): { issuer: string; algorithm: string } {
  try {
    const { iss } = decodeJwt(token);
    const { alg } = decodeProtectedHeader(token);
    if (typeof iss === 'string' && typeof alg === 'string') return { issuer: iss, algorithm: alg };
  } catch {
    // No JSON, no three parts: no token.
  }
  throw new TokenError('the token is not a JWT');
}

function subjectOf({ sub, iat }: JWTPayload): string {
  if (typeof iat === 'number' && iat > Date.now() / 1000 + CLOCK_SKEW_SECONDS) {
    throw new TokenError('the token was issued in the future');
  }
  const subject = SUBJECT.safeParse(sub);
  if (!subject.success) throw new TokenError('the token has no subject');
  return subject.data;
}

/** What is wrong with the token is the token's; keys that can't be had are not. */
async function refusing(verify: () => Promise<JWTPayload>): Promise<JWTPayload> {
  try {
    return await verify();
  } catch (error) {
    const isKeys =
      error instanceof errors.JWKSTimeout ||
      error instanceof errors.JWKSInvalid ||
      !(error instanceof errors.JOSEError) ||
      error.code === 'ERR_JOSE_GENERIC';
    if (isKeys) throw error;
    throw new TokenError(`the token is not accepted: ${error.code}`);
  }
}
