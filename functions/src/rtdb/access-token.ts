import type { AccessToken } from './rtdb-reader';

/**
 * The token that RTDB's REST API wants: the emulator's `owner`, or one of Application Default
 * Credentials (cached and renewed by firebase-admin).
 *
 * Source: https://firebase.google.com/docs/database/rest/auth
 */
export function accessTokenFor(emulatorHost: string | undefined): AccessToken {
  let credential: import('firebase-admin/app').Credential | undefined;
  return async () => {
    if (emulatorHost) return 'owner';
    if (credential === undefined) {
      // Loaded at the first use: it takes its time, and the emulator has no use for it.
      const { applicationDefault } = await import('firebase-admin/app');
      credential = applicationDefault();
    }
    return (await credential.getAccessToken()).access_token;
  };
}
