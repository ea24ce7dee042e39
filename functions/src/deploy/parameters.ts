import { ConfigurationError } from '../errors/mirror-error';
import { parseAuthority } from '../postgres/certificate-authority';
import { parseDatabaseUrl } from '../postgres/database-url';
import { parseRtdbUrl } from '../rtdb/rtdb-database';

/** One setting, by whatever name it has in the environment. */
export interface Parameter<Value> {
  /**
   * Its type in the functions manifest, for which `firebase deploy` asks and which it writes to the
   * environment; `environment`: a terminal's or the platform's, never asked for.
   */
  kind: 'secret' | 'string' | 'boolean' | 'int' | 'environment';
  /** Of one that is not set, or set to nothing; none, and an empty one: it stays undefined. */
  default?: string | number | boolean;
  /** In the emulators, where that is another. */
  inEmulator?: string | number | boolean;
  description: string;
  /** @throws ConfigurationError that says what was expected, and repeats nothing */
  parse(text: string): Value;
}

/**
 * All that is set for function, command line and doctor alike; README's table has the same words.
 *
 * Source: https://firebase.google.com/docs/functions/config-env
 */
export const PARAMETERS = {
  QUEST_MIRROR_DATABASE_URL: {
    kind: 'secret',
    description: 'Where Postgres is: postgres://user:password@host:port/database',
    parse: parseDatabaseUrl,
  },
  RTDB_INSTANCE: {
    kind: 'string',
    description: 'The RTDB instance to mirror, such as my-project-default-rtdb',
    // The trigger may listen to several, by a pattern.
    parse: matching(/^[A-Za-z0-9*-]+$/, 'letters, digits and - only'),
  },
  RTDB_REGION: {
    kind: 'string',
    default: 'us-central1',
    description: "Its region; events don't cross regions",
    parse: matching(/^[a-z]+(-[a-z0-9]+)+$/, 'a region such as europe-west1'),
  },
  ENABLE_SUPABASE_DUAL_WRITE: {
    kind: 'boolean',
    // Remote Config that can't be read must not mirror everybody before anybody has decided to.
    default: false,
    inEmulator: true,
    description: 'Whether writes are mirrored, unless Remote Config says otherwise',
    parse: trueOrFalse,
  },
  DATABASE_POOL_MAX: {
    kind: 'int',
    default: 1,
    description: 'Postgres connections that one function instance may hold',
    parse: wholeNumber(1, 100),
  },
  MAX_INSTANCES: {
    kind: 'int',
    default: 20,
    description: 'Instances that each mirroring function may have',
    parse: wholeNumber(1, 1_000),
  },
  DATABASE_CA: {
    kind: 'string',
    default: '',
    description: "PEM of the authority that signs the server's certificate, if no public one does",
    parse: parseAuthority,
  },
  RETENTION_DAYS: {
    kind: 'int',
    default: 0,
    description: 'Days that RTDB keeps; deletions of older ones leave Postgres alone (0 = off)',
    parse: wholeNumber(0, 36_500),
  },
  LOG_REFS: {
    kind: 'boolean',
    default: false,
    description: 'Whether log lines show refs, which hold user ids, instead of their hashes',
    parse: trueOrFalse,
  },
  LOG_APPLIED_SAMPLE: {
    // A text: parameters have no type for fractions.
    kind: 'string',
    default: '0.01',
    description: 'The part, 0 to 1, of lines of applied events beyond 50 a second of an instance',
    parse: part,
  },
  RECONCILE_DAYS: {
    kind: 'int',
    default: 7,
    description: 'How many days back a reading of a shard looks at least',
    parse: wholeNumber(1, 36_500),
  },
  RECONCILE_HOURS: {
    // A text: without one it goes by the number of shards.
    kind: 'string',
    default: '',
    description: 'How often a shard is read that nothing touched, in hours (none: 1, 6 or 20)',
    parse: wholeNumber(1, 8_760),
  },
  RECONCILE_FULL_DAYS: {
    kind: 'int',
    default: 30,
    description:
      'How often every value of a shard is read; of a path without a day each week at least',
    parse: wholeNumber(1, 3_650),
  },
  RECONCILE_GRACE_SECONDS: {
    kind: 'int',
    default: 30,
    description: 'How long a difference may be on its way before both stores are read again',
    parse: wholeNumber(0, 120),
  },
  SUPABASE_JWT_ISSUER: {
    kind: 'string',
    default: '',
    description: "Issuer of Supabase's JWTs to accept, such as https://abc.supabase.co/auth/v1",
    parse: issuer,
  },
  SUPABASE_JWT_BY_SECRET: {
    kind: 'boolean',
    default: false,
    description: "Whether Supabase's JWTs may be signed by its shared secret, SUPABASE_JWT_SECRET",
    parse: trueOrFalse,
  },
  SUPABASE_JWT_SECRET: {
    kind: 'secret',
    description: "Supabase's shared JWT secret, asked for where SUPABASE_JWT_BY_SECRET is true",
    parse: sharedSecret,
  },
  AUTH_TENANT: {
    kind: 'string',
    default: '',
    description:
      "The Firebase Auth tenant whose users' tokens are accepted (none: those of no tenant)",
    parse: matching(/^[A-Za-z0-9-]+$/, 'the id of a tenant: letters, digits and - only'),
  },
  RTDB_URL: {
    kind: 'environment',
    description: 'The address of the database, in place of its instance and region',
    parse: parseRtdbUrl,
  },
  FIREBASE_DATABASE_EMULATOR_HOST: {
    kind: 'environment',
    description: 'host:port of the database emulator',
    parse: hostAndPort,
  },
} as const satisfies Record<string, Parameter<unknown>>;

export type ParameterName = keyof typeof PARAMETERS;
export type ParameterValue<Name extends ParameterName> = ReturnType<
  (typeof PARAMETERS)[Name]['parse']
>;

function matching(pattern: RegExp, what: string): (text: string) => string {
  return (text) => {
    if (!pattern.test(text)) throw new ConfigurationError(`expected ${what}`);
    return text;
  };
}

function hostAndPort(text: string): string {
  const isPair = /^([\w.-]+|\[[0-9a-f:]+\]):\d{1,5}$/i.test(text);
  if (!isPair || !URL.canParse(`http://${text}`)) {
    throw new ConfigurationError('expected host:port, without http://');
  }
  return text;
}

function trueOrFalse(text: string): boolean {
  const value = text.toLowerCase();
  if (value !== 'true' && value !== 'false') throw new ConfigurationError('expected true or false');
  return value === 'true';
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new ConfigurationError(`expected a whole number from ${least} to ${most}`);
  };
}

function part(text: string): number {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 1) return value;
  throw new ConfigurationError('expected a number from 0 to 1');
}

/** Shorter ones can be guessed; RFC 7518, section 3.2, asks for as many bits as the hash has. */
function sharedSecret(text: string): string {
  if (Buffer.byteLength(text) >= 32) return text;
  throw new ConfigurationError('expected at least 32 bytes');
}

function issuer(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new ConfigurationError('expected a URL');
  }
  if (url.protocol !== 'https:' && !['127.0.0.1', 'localhost'].includes(url.hostname)) {
    throw new ConfigurationError('expected https: its keys are trusted');
  }
  // The address of the keys is made of it.
  if (url.username || url.password || /[?#]/.test(text)) {
    throw new ConfigurationError('expected a URL without a user, ? and #');
  }
  return text.replace(/\/+$/, '');
}
