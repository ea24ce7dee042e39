import { isRecord } from './data/json';
import { RtdbError } from './rtdb-error';

/** Who makes a request. `auth` is what the rules see. */
export type Auth =
  | { readonly kind: 'admin' }
  | { readonly kind: 'unauthenticated' }
  | {
      readonly kind: 'user';
      readonly uid: string;
      readonly auth: Readonly<Record<string, unknown>>;
    };

const ADMIN: Auth = { kind: 'admin' };
export const UNAUTHENTICATED: Auth = { kind: 'unauthenticated' };

/** The token that makes a request an administrator's in the Firebase emulators. */
const OWNER_TOKEN = 'owner';

/**
 * Reads a JWT's claims. Signatures are NOT checked, as in the official emulator, and neither is the
 * expiry. `owner` is the administrator, and so are OAuth tokens, which are no JWTs: firebase-admin
 * and firebase-tools send them. Throws `RtdbError` `invalid_token`.
 */
export function authOfToken(token: string): Auth {
  if (token === OWNER_TOKEN || token.startsWith('ya29.')) {
    return ADMIN;
  }
  const claims = jwtClaims(token);
  if (claims.admin === true && claims.sub === undefined) {
    return ADMIN;
  }
  if (isRecord(claims.d)) {
    return authOfVariable(claims.d);
  }
  const uid = claims.user_id ?? claims.sub;
  if (typeof uid !== 'string' || uid === '') {
    throw new RtdbError('invalid_token', 'Could not parse auth token.');
  }
  const firebase = isRecord(claims.firebase) ? claims.firebase : {};
  const provider = firebase.sign_in_provider ?? claims.provider_id ?? 'custom';
  return { kind: 'user', uid, auth: { uid, provider, token: claims } };
}

/** `auth_variable_override`, `authvar`: rules apply, with this `auth`; null is nobody. */
export function authOfVariable(variable: unknown): Auth {
  if (!isRecord(variable)) {
    return UNAUTHENTICATED;
  }
  const uid = typeof variable.uid === 'string' ? variable.uid : '';
  return { kind: 'user', uid, auth: variable };
}

function jwtClaims(token: string): Record<string, unknown> {
  const payload = token.split('.')[1];
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString('utf8'));
    if (isRecord(claims)) {
      return claims;
    }
  } catch {
    // Not base64url of JSON: the same answer as for JSON that is no object.
  }
  throw new RtdbError('invalid_token', 'Could not parse auth token.');
}
