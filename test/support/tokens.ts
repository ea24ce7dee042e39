import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type CryptoKey,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose';

export const PROJECT = 'demo-quests';
const FIREBASE_ISSUER = `https://securetoken.google.com/${PROJECT}`;

/** Signing keys of one's own, published as Google's and Supabase's are. */
export interface TokenMint {
  keysUrl: string;
  supabaseIssuer: string;
  firebase(subject: string, change?: TokenChange): Promise<string>;
  supabase(subject: string, change?: TokenChange): Promise<string>;
  /** Of the auth emulator: signed by nobody. */
  unsigned(subject: string): string;
  /** HS256, with the public key's text as the secret, of Firebase's issuer or of Supabase's. */
  withPublicKeyAsSecret(subject: string, of?: 'firebase' | 'supabase'): Promise<string>;
  /** HS256 by a shared secret, as Supabase signs where it has no keys to publish. */
  shared(subject: string, secret: string, claims?: JWTPayload): Promise<string>;
  /** How the keys are answered; null = as they are. */
  fault: 'hangs' | 500 | 'rubbish' | null;
  /** How long the keys take, in milliseconds. */
  delayMs: number;
  /** How often they were asked for. */
  readonly keysRead: number;
  /** Publishes Firebase's key under one more name. */
  rotate(kid: string): Promise<void>;
  stop(): Promise<void>;
}

export interface TokenChange {
  claims?: JWTPayload;
  kid?: string;
  /** Signed with a key that nobody published, under the published name. */
  forged?: boolean;
}

export async function startTokenMint(): Promise<TokenMint> {
  const rsa = await generateKeyPair('RS256', { extractable: true });
  const ec = await generateKeyPair('ES256', { extractable: true });
  const stranger = await generateKeyPair('RS256');
  const keys: JWK[] = [
    { ...(await exportJWK(rsa.publicKey)), kid: 'rsa-1', alg: 'RS256', use: 'sig' },
    { ...(await exportJWK(ec.publicKey)), kid: 'ec-1', alg: 'ES256', use: 'sig' },
  ];
  let keysRead = 0;
  const server = createServer(async (_request, response) => {
    keysRead += 1;
    await delay(mint.delayMs);
    if (mint.fault === 'hangs') return;
    if (mint.fault === 500) return void response.writeHead(500).end();
    response.setHeader('content-type', 'application/json');
    response.end(mint.fault === 'rubbish' ? '{"keys":' : JSON.stringify({ keys }));
  });
  const origin = await listen(server);
  const supabaseIssuer = `${origin}/auth/v1`;
  const now = () => Math.floor(Date.now() / 1000);
  const base = (sub: string): JWTPayload => ({ sub, iat: now(), exp: now() + 3_600 });
  const sign = (alg: string, kid: string, key: CryptoKey, claims: JWTPayload) =>
    new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(key);
  const mint: TokenMint = {
    keysUrl: `${origin}/keys`,
    supabaseIssuer,
    fault: null,
    delayMs: 0,
    get keysRead() {
      return keysRead;
    },
    async rotate(kid) {
      keys.push({ ...(await exportJWK(rsa.publicKey)), kid, alg: 'RS256', use: 'sig' });
    },
    firebase: (subject, { claims, kid = 'rsa-1', forged } = {}) =>
      sign('RS256', kid, forged ? stranger.privateKey : rsa.privateKey, {
        ...{ ...base(subject), iss: FIREBASE_ISSUER, aud: PROJECT },
        ...claims,
      }),
    supabase: (subject, { claims, kid = 'ec-1' } = {}) =>
      sign('ES256', kid, ec.privateKey, {
        ...{ ...base(subject), iss: supabaseIssuer, aud: 'authenticated' },
        ...claims,
      }),
    unsigned: (subject) =>
      new UnsecuredJWT({ ...base(subject), iss: FIREBASE_ISSUER, aud: PROJECT }).encode(),
    async withPublicKeyAsSecret(subject, of = 'firebase') {
      const key = of === 'firebase' ? rsa : ec;
      const secret = new TextEncoder().encode(await exportSPKI(key.publicKey));
      const from =
        of === 'firebase'
          ? { iss: FIREBASE_ISSUER, aud: PROJECT }
          : { iss: supabaseIssuer, aud: 'authenticated' };
      return new SignJWT({ ...base(subject), ...from })
        .setProtectedHeader({ alg: 'HS256', kid: of === 'firebase' ? 'rsa-1' : 'ec-1' })
        .sign(secret);
    },
    shared: (subject, secret, claims) =>
      new SignJWT({
        ...{ ...base(subject), iss: supabaseIssuer, aud: 'authenticated' },
        ...claims,
      })
        .setProtectedHeader({ alg: 'HS256' })
        .sign(new TextEncoder().encode(secret)),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return mint;
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
