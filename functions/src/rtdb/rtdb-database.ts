import { ConfigurationError } from '../errors/mirror-error';
import type { RtdbIdentity } from './rtdb-identity';

/** Where a database's REST API answers. */
export interface RtdbDatabase {
  /** Without a slash at its end. */
  origin: string;
  /** The emulator's name of the database (`?ns=`); null in production. */
  namespace: string | null;
  /** The instance's name, such as `my-project-default-rtdb`. */
  instance: string;
}

/** What names a database; `config.ts` reads it. */
export interface RtdbNames {
  /** `host:port` */
  emulatorHost: string | undefined;
  url: RtdbDatabase | undefined;
  /** A name, or a pattern, which names none. */
  instance: string | undefined;
  region: string;
  project: string | undefined;
}

/** The access token goes to this host: only to Google's. */
const GOOGLE_HOST = /^([A-Za-z0-9-]+)\.(?:[a-z0-9-]+\.)?(?:firebaseio\.com|firebasedatabase\.app)$/;

/**
 * The database that is named: the emulator's, one by its URL, or an instance in its region.
 *
 * Source: https://firebase.google.com/docs/projects/locations#rtdb-locations (hosts by region)
 *
 * @throws ConfigurationError that names the variable and what was expected
 */
export function rtdbDatabase(names: RtdbNames): RtdbDatabase {
  const { emulatorHost, url, region } = names;
  if (emulatorHost && url) {
    throw new ConfigurationError(
      'FIREBASE_DATABASE_EMULATOR_HOST and RTDB_URL each name a database: set one of them, not both',
    );
  }
  const pinned = names.instance?.includes('*') ? undefined : names.instance;
  if (emulatorHost) {
    const instance = pinned ?? `${names.project ?? 'demo-quests'}-default-rtdb`;
    return { origin: `http://${emulatorHost}`, namespace: instance, instance };
  }
  if (url) return url;
  if (pinned === undefined) {
    throw new ConfigurationError(
      'RTDB_INSTANCE is not set: expected the name of one database, such as ' +
        'my-project-default-rtdb (or set RTDB_URL to its address)',
    );
  }
  const host = region === 'us-central1' ? 'firebaseio.com' : `${region}.firebasedatabase.app`;
  return { origin: `https://${pinned}.${host}`, namespace: null, instance: pinned };
}

/** What events say of the database that they come from. */
export function identityOf({ origin, namespace, instance }: RtdbDatabase): RtdbIdentity {
  if (namespace !== null) return { instance: namespace, host: 'emulator' };
  return { instance, host: new URL(origin).hostname.slice(instance.length + 1) };
}

/** @throws ConfigurationError that says what was expected */
export function parseRtdbUrl(text: string): RtdbDatabase {
  const url = URL.canParse(text) ? new URL(text) : null;
  const instance = url === null ? undefined : GOOGLE_HOST.exec(url.hostname)?.[1];
  // More than an origin would mean another database, or a part of one: `?ns=`, a path.
  if (url === null || instance === undefined || url.href !== `https://${url.hostname}/`) {
    throw new ConfigurationError(
      'expected an address such as https://my-project-default-rtdb.firebaseio.com',
    );
  }
  return { origin: url.origin, namespace: null, instance };
}
