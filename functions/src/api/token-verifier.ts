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
  /** The Firebase Auth tenant whose users they are; null = none, and tokens of a tenant are refused. */
  tenant: string | null;
  /** Where Firebase's signing keys are published; default: Google's address. */
  firebaseKeysUrl?: string;
  /** Issuer of Supabase's tokens, such as https://abc.supabase.co/auth/v1; null = none accepted. */
  supabaseIssuer: string | null;
  /** What Supabase signs with where it signs with a shared secret (HS256); null = no such token is accepted. */
  supabaseSecret: string | null;
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
/** Source: Identity Platform documentation, "Multi-tenancy": users of two tenants may have one uid. */
const TENANT = z.object({ firebase: z.object({ tenant: z.string().optional() }).optional() });

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

  const sharedSecret =
    supabaseIssuer === null || settings.supabaseSecret === null
      ? null
      : new TextEncoder().encode(settings.supabaseSecret);

  // The issuer and the algorithm choose the key, and each key is tried by its own algorithms alone: a key that is
  // public never serves as a secret.
  const ofFirebase = async (token: string, algorithm: string): Promise<JWTPayload> => {
    const claims = claimsOf(firebaseIssuer, settings.projectId);
    const payload =
      algorithm === 'none' && settings.acceptsUnsigned
        ? UnsecuredJWT.decode(token, claims).payload
        : (await jwtVerify(token, firebaseKeys, { ...claims, algorithms: ['RS256'] })).payload;
    expectTenant(payload, settings.tenant);
    return payload;
  };
  const ofSupabase = async (token: string, algorithm: string): Promise<JWTPayload> => {
    const claims = claimsOf(supabaseIssuer ?? '', 'authenticated');
    if (algorithm === 'HS256' && sharedSecret !== null) {
      return (await jwtVerify(token, sharedSecret, { ...claims, algorithms: ['HS256'] })).payload;
    }
    if (supabaseKeys === null) throw new TokenError(OTHER_ISSUER);
    return (await jwtVerify(token, supabaseKeys, { ...claims, algorithms: ['ES256', 'RS256'] }))
      .payload;
  };

  return async (token) => {
    const { issuer, algorithm } = peek(token);
    const verify =
      issuer === firebaseIssuer ? ofFirebase : issuer === supabaseIssuer ? ofSupabase : null;
    if (verify === null) throw new TokenError(OTHER_ISSUER);
    return subjectOf(await refusing(() => verify(token, algorithm)));
  };
}

const OTHER_ISSUER = 'the token is of another issuer';

function claimsOf(issuer: string, audience: string) {
  const requiredClaims = ['exp', 'iat', 'sub'];
  return { issuer, audience, clockTolerance: CLOCK_SKEW_SECONDS, requiredClaims };
}

/** @throws TokenError where the token is of another tenant, or of one where none is expected */
function expectTenant(payload: JWTPayload, tenant: string | null): void {
  const parsed = TENANT.safeParse(payload);
  if (!parsed.success || (parsed.data.firebase?.tenant ?? null) !== tenant) {
    throw new TokenError("the token is of another tenant's user");
  }
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
    if (error instanceof TokenError) throw error;
    const isKeys =
      error instanceof errors.JWKSTimeout ||
      error instanceof errors.JWKSInvalid ||
      !(error instanceof errors.JOSEError) ||
      error.code === 'ERR_JOSE_GENERIC';
    if (isKeys) throw error;
    throw new TokenError(`the token is not accepted: ${error.code}`);
  }
}
