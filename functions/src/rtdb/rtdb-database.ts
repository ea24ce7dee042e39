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

/** What settings say of a database. */
export interface RtdbNames {
  /** `host:port` */
  emulatorHost: string | undefined;
  url: RtdbDatabase | undefined;
  /** A name, or a pattern, which names none. */
  instance: string | undefined;
  region: string;
  project: string | undefined;
}

/** What an event says of its database: text from outside. */
export interface RtdbOrigin {
  instance: string | null;
  /** Without the instance, such as `firebaseio.com`. */
  databaseHost: string | null;
}

/** Gives an OAuth access token for RTDB's REST API. */
export type AccessToken = () => Promise<string>;

/**
 * The hosts of Google's databases, and nothing besides the host's name: no user, port or path.
 *
 * Source: https://firebase.google.com/docs/projects/locations#rtdb-locations
 */
const GOOGLE_ORIGIN =
  /^https:\/\/([A-Za-z0-9-]+)\.(?:[a-z0-9-]+\.)?(?:firebaseio\.com|firebasedatabase\.app)$/;

/**
 * The one place that decides who gets the access token: a database of Google's, over TLS. An emulator
 * gets `owner`, which is no secret and makes anyone who shows it there an administrator.
 *
 * Source: https://firebase.google.com/docs/database/rest/auth
 *
 * @returns null where the database is neither: nothing is to be sent there
 */
export function tokenFor(
  { origin, namespace }: RtdbDatabase,
  accessToken: AccessToken,
): Promise<string> | null {
  if (namespace !== null) return Promise.resolve('owner');
  return GOOGLE_ORIGIN.test(origin) ? accessToken() : null;
}

/**
 * The database that settings name: the emulator's, one by its URL, or an instance in its region.
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
    return emulated(emulatorHost, pinned ?? `${names.project ?? 'demo-quests'}-default-rtdb`);
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

/**
 * The database that an event comes from; null where it names none that may be asked.
 *
 * @param emulatorHost `host:port` of the database emulator, where there is one
 */
export function databaseOfEvent(
  { instance, databaseHost }: RtdbOrigin,
  emulatorHost: string | undefined,
): RtdbDatabase | null {
  if (instance === null || !/^[A-Za-z0-9-]+$/.test(instance)) return null;
  if (emulatorHost) return emulated(emulatorHost, instance);
  const origin = `https://${instance}.${databaseHost}`;
  const [, named] = GOOGLE_ORIGIN.exec(origin) ?? [];
  return named === instance ? { origin, namespace: null, instance } : null;
}

/** @throws ConfigurationError that says what was expected */
export function parseRtdbUrl(text: string): RtdbDatabase {
  const url = URL.canParse(text) ? new URL(text) : null;
  const [, instance] = GOOGLE_ORIGIN.exec(url?.origin ?? '') ?? [];
  // More than an origin would mean another database, or a part of one: `?ns=`, a path.
  if (url === null || instance === undefined || url.href !== `${url.origin}/`) {
    throw new ConfigurationError(
      'expected an address such as https://my-project-default-rtdb.firebaseio.com',
    );
  }
  return { origin: url.origin, namespace: null, instance };
}

function emulated(host: string, instance: string): RtdbDatabase {
  return { origin: `http://${host}`, namespace: instance, instance };
}

/** What events say of the database that they come from. */
export function identityOf({ origin, namespace, instance }: RtdbDatabase): RtdbIdentity {
  if (namespace !== null) return { instance: namespace, host: 'emulator' };
  return { instance, host: new URL(origin).hostname.slice(instance.length + 1) };
}
