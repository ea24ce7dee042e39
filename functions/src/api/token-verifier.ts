import {
  createRemoteJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
  UnsecuredJWT,
} from 'jose';
import { z } from 'zod';

/** Whose tokens are accepted. */
export interface TokenSettings {
  /** The Firebase project whose users the tokens are of. */
  projectId: string;
  /** Where Firebase's signing keys are published; default: Google's address. */
  firebaseKeysUrl?: string;
  /** Issuer of Supabase's tokens, such as https://abc.supabase.co/auth/v1; null = none accepted. */
  supabaseIssuer: string | null;
  /** Whether tokens of the auth emulator, which nobody signed, are good enough. Never deployed. */
  acceptsUnsigned: boolean;
}

/** Source: Firebase documentation, "Verify ID tokens using a third-party JWT library". */
const FIREBASE_KEYS_URL =
  'https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com';

/** A token that is none, or not for us. The message says why, and never repeats the token. */
export class TokenError extends Error {
  override name = 'TokenError';
}

/**
 * The token names a key that was not there moments ago, when the keys were last read: a new key, or
 * none. Signing users out for it would be wrong, and reading the keys for each such token, too.
 */
export class KeysBusyError extends Error {
  override name = 'KeysBusyError';
  readonly retryAfterSeconds = RELOAD_EVERY_MS / 1000;
}

/** Answers the subject of a token. Rejects with TokenError, or with what kept the keys away. */
export type VerifyToken = (token: string) => Promise<string>;

/** A request has three seconds in all. */
const KEYS_TIMEOUT_MS = 1_500;
const CLOCK_SKEW_SECONDS = 5;
/** How often at most keys are read because of a key that they lack. */
const RELOAD_EVERY_MS = 10_000;

const SUBJECT = z.string().min(1);

/**
 * Verifies tokens of Firebase and, where configured, of Supabase, by the keys that each publishes.
 * firebase-admin's own verifier can't be given keys, so nothing but Google's hosts could test it.
 */
export function createTokenVerifier(settings: TokenSettings): VerifyToken {
  const firebaseIssuer = `https://securetoken.google.com/${settings.projectId}`;
  const { supabaseIssuer } = settings;
  const firebaseKeys = keysAt(settings.firebaseKeysUrl ?? FIREBASE_KEYS_URL);
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

/** The keys that a URL publishes; a key that they lack makes them be read again, within limits. */
function keysAt(url: string): JWTVerifyGetKey {
  const keys = createRemoteJWKSet(new URL(url), {
    timeoutDuration: KEYS_TIMEOUT_MS,
    // When a key that is missing makes them be read again is decided below.
    cooldownDuration: Number.POSITIVE_INFINITY,
  });
  let reloadedAt = Number.NEGATIVE_INFINITY;
  return async (header, token) => {
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      const mayReload = performance.now() - reloadedAt >= RELOAD_EVERY_MS;
      if (!mayReload && !keys.reloading) throw new KeysBusyError();
      if (mayReload) reloadedAt = performance.now();
      await keys.reload();
      return keys(header, token);
    }
  };
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
