/** Source: Firebase documentation, "Verify ID tokens using a third-party JWT library". */
export const FIREBASE_KEYS_URL =
  'https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com';

/** Whose tokens are accepted. */
export interface TokenSettings {
  /** The Firebase project whose users the tokens are of. */
  projectId: string;
  /** Where Firebase's signing keys are published. */
  firebaseKeysUrl: string;
  /** Issuer of Supabase's tokens, such as https://abc.supabase.co/auth/v1; null = none accepted. */
  supabaseIssuer: string | null;
  /** Whether tokens of the auth emulator, which nobody signed, are good enough. Never deployed. */
  acceptsUnsigned: boolean;
}
