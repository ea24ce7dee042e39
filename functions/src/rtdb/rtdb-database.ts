import { ConfigurationError } from '../configuration-error';

/** Where a database's REST API answers. */
export interface RtdbDatabase {
  /** Without a slash at its end. */
  origin: string;
  /** The emulator's name of the database (`?ns=`); null in production. */
  namespace: string | null;
  /** The instance's name, such as `my-project-default-rtdb`. */
  instance: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The access token goes to this host: only to Google's. */
const GOOGLE_HOST = /^([A-Za-z0-9-]+)\.(?:[a-z0-9-]+\.)?(?:firebaseio\.com|firebasedatabase\.app)$/;

/**
 * The database that the environment names: the emulator (`FIREBASE_DATABASE_EMULATOR_HOST`), a URL
 * (`RTDB_URL`), or an instance and its region (`RTDB_INSTANCE`, `RTDB_REGION`).
 *
 * Source: https://firebase.google.com/docs/projects/locations#rtdb-locations (hosts by region)
 *
 * @throws ConfigurationError that names the variable and what was expected
 */
export function rtdbDatabase(env: Environment): RtdbDatabase {
  const pinned = env.RTDB_INSTANCE && env.RTDB_INSTANCE !== '*' ? env.RTDB_INSTANCE : null;
  const emulator = env.FIREBASE_DATABASE_EMULATOR_HOST;
  if (emulator) {
    const instance = pinned ?? `${projectOf(env) ?? 'demo-quests'}-default-rtdb`;
    return { origin: `http://${emulator}`, namespace: instance, instance };
  }
  if (env.RTDB_URL) return databaseOfUrl(env.RTDB_URL);
  if (pinned === null) {
    throw new ConfigurationError(
      'RTDB_INSTANCE is not set: expected the name of one database, such as ' +
        'my-project-default-rtdb (or set RTDB_URL to its address)',
    );
  }
  if (!/^[A-Za-z0-9-]+$/.test(pinned)) {
    throw new ConfigurationError('RTDB_INSTANCE: expected letters, digits and - only');
  }
  const region = env.RTDB_REGION || 'us-central1';
  if (!/^[a-z0-9-]+$/.test(region)) {
    throw new ConfigurationError('RTDB_REGION: expected a region such as europe-west1');
  }
  const host = region === 'us-central1' ? 'firebaseio.com' : `${region}.firebasedatabase.app`;
  return { origin: `https://${pinned}.${host}`, namespace: null, instance: pinned };
}

function databaseOfUrl(text: string): RtdbDatabase {
  const url = URL.canParse(text) ? new URL(text) : null;
  const instance = url === null ? undefined : GOOGLE_HOST.exec(url.hostname)?.[1];
  if (url === null || url.protocol !== 'https:' || instance === undefined) {
    throw new ConfigurationError(
      'RTDB_URL: expected an address such as https://my-project-default-rtdb.firebaseio.com',
    );
  }
  return { origin: url.origin, namespace: null, instance };
}

function projectOf(env: Environment): string | null {
  return env.GCLOUD_PROJECT || env.GOOGLE_CLOUD_PROJECT || null;
}
