/**
 * Gives the OAuth access token of Application Default Credentials, cached and renewed by firebase-admin.
 */
export function googleToken(): () => Promise<string> {
  let credential: import('firebase-admin/app').Credential | undefined;
  return async () => {
    if (credential === undefined) {
      // Loaded at the first use: it takes its time, and emulators have no use for it.
      const { applicationDefault } = await import('firebase-admin/app');
      credential = applicationDefault();
    }
    return (await credential.getAccessToken()).access_token;
  };
}
