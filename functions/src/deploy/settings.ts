import { defineBoolean, defineInt, defineSecret, defineString } from 'firebase-functions/params';
import type { ClientConfig } from 'pg';
import type { TokenSettings } from '../api/token-verifier';
import { ConfigurationError } from '../errors/mirror-error';
import { clientConfig } from '../postgres/client-config';
import { PROOF_TIMES, type ProofTimes } from '../readings/proof-times';
import type { RtdbAccess } from '../rtdb/rtdb-client';
import { rtdbDatabase } from '../rtdb/rtdb-database';
import { settingText } from '../values/setting-text';
import { googleToken } from './google-token';
import { PARAMETERS, type Parameter, type ParameterName, type ParameterValue } from './parameters';

/**
 * The one reader of settings, for function, command line and doctor. Each reads at an invocation, never
 * at load: discovery has no environment.
 */
export type Environment = Readonly<Record<string, string | undefined>>;

// The definitions put the names into the functions manifest. They are read from the environment by
// `read`, with the same defaults, since a `BooleanParam` reads a variable that is not set as false.
export const DATABASE_URL = defineSecret('QUEST_MIRROR_DATABASE_URL');

/**
 * Secrets of the API alone. A secret that is bound must exist, so this one is where `.env` says that it is needed:
 * firebase-tools hands those values to discovery (deploy/functions/prepare.js).
 */
export const API_SECRETS = asksForSharedSecret(process.env)
  ? [defineSecret('SUPABASE_JWT_SECRET')]
  : [];

/** All instances in the emulator; a deployment must name one, so that no second one is mirrored by accident. */
export const RTDB_INSTANCE = defineString('RTDB_INSTANCE', {
  ...(isEmulator(process.env) ? { default: '*' } : {}),
  description: PARAMETERS.RTDB_INSTANCE.description,
});

export const RTDB_REGION = defineString('RTDB_REGION', manifestOf(PARAMETERS.RTDB_REGION));

export const MAX_INSTANCES = defineInt('MAX_INSTANCES', manifestOf(PARAMETERS.MAX_INSTANCES));

const DEFINED_ABOVE: readonly string[] = [
  'QUEST_MIRROR_DATABASE_URL',
  'SUPABASE_JWT_SECRET',
  'RTDB_INSTANCE',
  'RTDB_REGION',
  'MAX_INSTANCES',
];

for (const [name, parameter] of Object.entries<Parameter<unknown>>(PARAMETERS)) {
  if (DEFINED_ABOVE.includes(name)) continue;
  if (parameter.kind === 'boolean') defineBoolean(name, manifestOf(parameter));
  if (parameter.kind === 'int') defineInt(name, manifestOf(parameter));
  if (parameter.kind === 'string') defineString(name, manifestOf(parameter));
}

function manifestOf<Default>(parameter: Omit<Parameter<unknown>, 'parse'>): {
  default: Default;
  description: string;
} {
  const { description } = parameter;
  return { default: defaultIn(process.env, parameter) as Default, description };
}

function defaultIn(
  env: Environment,
  { default: byDefault, inEmulator = byDefault }: Omit<Parameter<unknown>, 'parse'>,
): Parameter<unknown>['default'] {
  return isEmulator(env) ? inEmulator : byDefault;
}

/**
 * Reads one parameter; undefined where neither it nor a default is set.
 *
 * @throws ConfigurationError that names it and what was expected, and repeats nothing of it
 */
export function read<Name extends ParameterName>(
  env: Environment,
  name: Name,
): ParameterValue<Name> | undefined {
  const { parse, ...parameter }: Parameter<unknown> = PARAMETERS[name];
  const text = settingText(env[name]) || String(defaultIn(env, parameter) ?? '');
  if (text === '') return undefined;
  return naming(name, () => parse(text)) as ParameterValue<Name>;
}

/** Puts the parameter's name before what a parser complains of. */
function naming<Value>(name: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw new ConfigurationError(`${name} is not usable: ${error.message}`);
  }
}

export interface Settings {
  mirroringEnabled: boolean;
  connectionsMax: number;
  retentionDays: number;
  /** Whether log lines show refs, not their hashes. */
  showsRefs: boolean;
  /** The part, 0 to 1, of the lines of applied events that is logged at scale. */
  appliedSample: number;
}

/**
 * What all functions need; one that is wrong is no reason to hide another.
 *
 * @throws ConfigurationError that names each wrong one
 */
export function readSettings(env: Environment): Settings {
  const complaints: string[] = [];
  const setting = <Name extends ParameterName>(name: Name): ParameterValue<Name> => {
    const complaint = complaintOf(env, name);
    if (complaint !== null) complaints.push(complaint);
    // Each of these has a default; what is wrong is thrown below.
    return (complaint === null ? read(env, name) : undefined) as ParameterValue<Name>;
  };
  const settings = {
    mirroringEnabled: setting('ENABLE_SUPABASE_DUAL_WRITE'),
    connectionsMax: setting('DATABASE_POOL_MAX'),
    retentionDays: setting('RETENTION_DAYS'),
    showsRefs: setting('LOG_REFS'),
    appliedSample: setting('LOG_APPLIED_SAMPLE'),
  };
  if (complaints.length > 0) throw new ConfigurationError(complaints.join('; '));
  return settings;
}

/**
 * The times of readings and of the gate.
 *
 * @throws ConfigurationError that names the parameter
 */
export function proofTimes(env: Environment): ProofTimes {
  const hours = read(env, 'RECONCILE_HOURS');
  const fullMs = (read(env, 'RECONCILE_FULL_DAYS') ?? 30) * DAY_MS;
  return {
    ...PROOF_TIMES,
    graceMs: (read(env, 'RECONCILE_GRACE_SECONDS') ?? 30) * 1_000,
    reconcileDays: read(env, 'RECONCILE_DAYS') ?? PROOF_TIMES.reconcileDays,
    everyMs: hours === undefined ? null : hours * HOUR_MS,
    fullEveryMs: { dated: fullMs, undated: Math.min(fullMs, PROOF_TIMES.fullEveryMs.undated) },
  };
}

const HOUR_MS = 60 * 60 * 1_000;
const DAY_MS = 24 * HOUR_MS;

/** What is wrong with a parameter; null = nothing. */
export function complaintOf(env: Environment, name: ParameterName): string | null {
  try {
    read(env, name);
    return null;
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
}

/**
 * How Postgres is reached. Read where a connection is wanted: while mirroring is off, none is.
 *
 * @param variable the name of the URL's variable; the command line has another than the functions
 * @throws ConfigurationError that names the parameter and repeats no part of it
 */
export function postgresConfig(
  env: Environment,
  variable = 'QUEST_MIRROR_DATABASE_URL',
): ClientConfig {
  const url = settingText(env[variable]);
  if (url === '') {
    throw new ConfigurationError(
      `${variable} is not set: expected postgres://user:password@host:port/database`,
    );
  }
  const authority = read(env, 'DATABASE_CA');
  return naming(variable, () => clientConfig(url, authority));
}

/**
 * How RTDB's REST API is reached.
 *
 * @throws ConfigurationError that names the parameter
 */
export function rtdbConfig(env: Environment): RtdbAccess {
  const emulatorHost = read(env, 'FIREBASE_DATABASE_EMULATOR_HOST');
  const database = rtdbDatabase({
    emulatorHost,
    url: read(env, 'RTDB_URL'),
    instance: read(env, 'RTDB_INSTANCE'),
    region: regionOf(env),
    project: projectOf(env) || undefined,
  });
  return { database, accessToken: googleToken() };
}

/** The id of the project; empty = the environment names none. */
export function projectOf(env: Environment): string {
  return settingText(env.GCLOUD_PROJECT) || settingText(env.GOOGLE_CLOUD_PROJECT);
}

/** The instance of a function kit, as firebase-tools tells its functions; null = they are no kit's. */
export function kitInstanceOf(env: Environment): string | null {
  return settingText(env.FIREBASE_KIT_INSTANCE_ID) || null;
}

/** Whether this is the functions emulator. */
export function isEmulator(env: Environment): boolean {
  return env.FUNCTIONS_EMULATOR === 'true';
}

/** Where the database is, and the functions beside it. */
function regionOf(env: Environment): string {
  return read(env, 'RTDB_REGION') ?? PARAMETERS.RTDB_REGION.default;
}

/**
 * Whose tokens the API accepts.
 *
 * @throws ConfigurationError that names the parameter and what was expected
 */
export function apiSettings(env: Environment): TokenSettings {
  const projectId = settingText(env.GCLOUD_PROJECT);
  if (projectId === '') {
    throw new ConfigurationError('GCLOUD_PROJECT is not set: expected the id of the project');
  }
  const supabaseIssuer = read(env, 'SUPABASE_JWT_ISSUER') ?? null;
  return {
    projectId,
    tenant: read(env, 'AUTH_TENANT') ?? null,
    supabaseIssuer,
    supabaseSecret: supabaseSecret(env, supabaseIssuer),
    acceptsUnsigned:
      isEmulator(env) && Boolean(env.FIREBASE_AUTH_EMULATOR_HOST) && !isDeployed(env),
  };
}

/** At load, where a value that is wrong must not throw: what reads it later says so. */
function asksForSharedSecret(env: Environment): boolean {
  const name = 'SUPABASE_JWT_BY_SECRET';
  return complaintOf(env, name) === null && read(env, name) === true;
}

function supabaseSecret(env: Environment, supabaseIssuer: string | null): string | null {
  if (!read(env, 'SUPABASE_JWT_BY_SECRET')) return null;
  const secret = read(env, 'SUPABASE_JWT_SECRET');
  if (secret === undefined) {
    throw new ConfigurationError(
      'SUPABASE_JWT_SECRET is not set, and SUPABASE_JWT_BY_SECRET asks for it: set the secret, and deploy again',
    );
  }
  if (supabaseIssuer === null) {
    throw new ConfigurationError('SUPABASE_JWT_ISSUER is not set: the secret is for that issuer');
  }
  return secret;
}

export const REMOTE_CONFIG = 'https://firebaseremoteconfig.googleapis.com';

/**
 * Where there is a Remote Config to look at: on Google's platform, or where a base URL names another (the
 * variable is firebase-admin's). Null = nowhere: emulators and a bare runtime have neither credentials nor a
 * template, so the parameter decides.
 */
export function remoteConfigUrl(env: Environment): string | null {
  if (env.FIREBASE_REMOTE_CONFIG_URL_BASE) return env.FIREBASE_REMOTE_CONFIG_URL_BASE;
  return env.K_SERVICE && !isEmulator(env) ? REMOTE_CONFIG : null;
}

/**
 * Whether this runs on Cloud Run, whatever other variables say. The emulator sets K_SERVICE as well,
 * and calls every revision `1`.
 *
 * Source: Cloud Run, "Container runtime contract"; firebase-tools, functionsEmulator.js.
 */
function isDeployed({ K_SERVICE, K_REVISION }: Environment): boolean {
  return Boolean(K_SERVICE) && K_REVISION !== '1';
}
