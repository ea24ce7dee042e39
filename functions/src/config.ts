import { defineBoolean, defineInt, defineSecret, defineString } from 'firebase-functions/params';
import { z } from 'zod';
import { FIREBASE_KEYS_URL, type TokenSettings } from './api/token-settings';
import { ConfigurationError } from './configuration-error';

/**
 * What a deployment sets. The definitions put the names into the functions manifest, so that
 * `firebase deploy` asks for them and writes them to the environment; they are read from there at
 * an invocation, with the same defaults, since a `BooleanParam` reads a variable that is not set
 * as false.
 *
 * Source: https://firebase.google.com/docs/functions/config-env
 */
export const DATABASE_URL = defineSecret('DATABASE_URL');

/**
 * Which RTDB instance to listen to. All of them in the emulator; a deployment has no default and
 * must name one, so that nobody mirrors a second database by accident.
 */
export const RTDB_INSTANCE = defineString('RTDB_INSTANCE', {
  ...(process.env.FUNCTIONS_EMULATOR === 'true' ? { default: '*' } : {}),
  description: 'The RTDB instance to mirror, such as my-project-default-rtdb',
});

/** Must be the region of the RTDB instance: events don't cross regions. */
export const RTDB_REGION = defineString('RTDB_REGION', {
  default: 'us-central1',
  description: 'The region of the RTDB instance',
});

defineBoolean('ENABLE_SUPABASE_DUAL_WRITE', {
  default: true,
  description: 'Whether writes are mirrored into Postgres',
});
defineString('DATABASE_CA', {
  default: '',
  description: 'PEM of the authority that signs the Postgres certificate, if no public one does',
});
defineInt('DATABASE_POOL_MAX', {
  default: 1,
  description: 'Postgres connections that one function instance may hold',
});
defineInt('RETENTION_DAYS', {
  default: 0,
  description: 'Days that RTDB keeps; deletions of older days leave Postgres alone (0 = off)',
});

defineBoolean('LOG_REFS', {
  default: false,
  description: 'Whether log lines show refs, which hold user ids, instead of their hashes',
});
// A text: parameters have no type for fractions.
defineString('LOG_APPLIED_SAMPLE', {
  default: '0.01',
  description:
    'The part, 0 to 1, of the lines of applied events that an instance logs beyond 50 a second',
});

defineInt('RECONCILE_DAYS', {
  default: 2,
  description: 'Days, today among them, that the hourly comparison of both stores covers',
});
defineInt('RECONCILE_GRACE_SECONDS', {
  default: 30,
  description: 'How long a difference may be on its way before both stores are read again',
});

defineString('SUPABASE_JWT_ISSUER', {
  default: '',
  description:
    "Issuer of Supabase's JWTs that the API accepts, such as https://abc.supabase.co/auth/v1",
});

const boolean = z
  .string()
  .transform((value) => value.trim().toLowerCase())
  .pipe(z.enum(['true', 'false'], { error: 'expected true or false' }))
  .transform((value) => value === 'true');

const wholeNumber = (least: number, most: number) =>
  z.coerce
    .number({ error: `expected a whole number from ${least} to ${most}` })
    .int()
    .min(least)
    .max(most);

const part = z.coerce.number({ error: 'expected a number from 0 to 1' }).min(0).max(1);

const settingsSchema = z.object({
  ENABLE_SUPABASE_DUAL_WRITE: boolean.default(true),
  DATABASE_CA: z.string().optional(),
  DATABASE_POOL_MAX: wholeNumber(1, 100).default(1),
  RETENTION_DAYS: wholeNumber(0, 36_500).default(0),
  LOG_REFS: boolean.default(false),
  LOG_APPLIED_SAMPLE: part.default(0.01),
  RECONCILE_DAYS: wholeNumber(1, 36_500).default(2),
  // Three rounds of it have to fit a task's nine minutes.
  RECONCILE_GRACE_SECONDS: wholeNumber(0, 120).default(30),
});

export interface Settings {
  mirroringEnabled: boolean;
  databaseAuthority: string | undefined;
  connectionsMax: number;
  retentionDays: number;
  /** Whether log lines show refs, not their hashes. */
  showsRefs: boolean;
  /** The part, 0 to 1, of the lines of applied events that is logged at scale. */
  appliedSample: number;
  reconcileDays: number;
  reconcileGraceMs: number;
}

/**
 * Reads the parameters; one that is set to nothing has its default.
 *
 * @throws ConfigurationError that names the parameter and what was expected
 */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const set = Object.fromEntries(
    Object.keys(settingsSchema.shape).flatMap((name) => (env[name] ? [[name, env[name]]] : [])),
  );
  const parsed = settingsSchema.safeParse(set);
  if (!parsed.success) {
    const complaints = parsed.error.issues.map(
      ({ path, message }) => `${String(path[0])}: ${message}`,
    );
    throw new ConfigurationError(complaints.join('; '));
  }
  return {
    mirroringEnabled: parsed.data.ENABLE_SUPABASE_DUAL_WRITE,
    databaseAuthority: parsed.data.DATABASE_CA,
    connectionsMax: parsed.data.DATABASE_POOL_MAX,
    retentionDays: parsed.data.RETENTION_DAYS,
    showsRefs: parsed.data.LOG_REFS,
    appliedSample: parsed.data.LOG_APPLIED_SAMPLE,
    reconcileDays: parsed.data.RECONCILE_DAYS,
    reconcileGraceMs: parsed.data.RECONCILE_GRACE_SECONDS * 1000,
  };
}

const apiSchema = z.object({
  GCLOUD_PROJECT: z.string({ error: 'expected the id of the Firebase project' }),
  SUPABASE_JWT_ISSUER: z
    .url({ protocol: /^https?$/, error: 'expected a URL' })
    .refine(isSafeIssuer, 'expected https: its keys are trusted')
    .transform((url) => url.replace(/\/+$/, ''))
    .optional(),
});

function isSafeIssuer(url: string): boolean {
  return url.startsWith('https:') || ['127.0.0.1', 'localhost'].includes(new URL(url).hostname);
}

/**
 * Whose tokens the API accepts.
 *
 * @throws ConfigurationError that names the parameter and what was expected
 */
export function apiSettings(env: NodeJS.ProcessEnv): TokenSettings {
  const parsed = apiSchema.safeParse({
    GCLOUD_PROJECT: env.GCLOUD_PROJECT,
    SUPABASE_JWT_ISSUER: env.SUPABASE_JWT_ISSUER || undefined,
  });
  if (!parsed.success) throw new ConfigurationError(z.prettifyError(parsed.error));
  return {
    projectId: parsed.data.GCLOUD_PROJECT,
    firebaseKeysUrl: FIREBASE_KEYS_URL,
    supabaseIssuer: parsed.data.SUPABASE_JWT_ISSUER ?? null,
    acceptsUnsigned:
      env.FUNCTIONS_EMULATOR === 'true' &&
      Boolean(env.FIREBASE_AUTH_EMULATOR_HOST) &&
      !isDeployed(env),
  };
}

/**
 * Whether this runs on Cloud Run, whatever other variables say. The emulator sets K_SERVICE as well,
 * and calls every revision `1`.
 *
 * Source: Cloud Run, "Container runtime contract"; firebase-tools, functionsEmulator.js.
 */
function isDeployed({ K_SERVICE, K_REVISION }: NodeJS.ProcessEnv): boolean {
  return Boolean(K_SERVICE) && K_REVISION !== '1';
}
