import { orAborted } from '../deadline';

/** A place in RTDB, as an event names it. */
export interface RtdbLocation {
  instance: string | null;
  databaseHost: string | null;
  /** Literal path, keys not encoded. */
  path: string;
}

/** Reads RTDB's present state over REST. */
export interface RtdbReader {
  /** Whether the location names a database at all; if not, no later try will find it. */
  isReadable(location: RtdbLocation): boolean;
  /** The value at a location; rejects where it can't be read in time. */
  read(location: RtdbLocation): Promise<unknown>;
  /**
   * The value as evidence only: undefined where it can't be read, and soon given up on. What one
   * write changed shares one reading (`writeTime` tells writes apart).
   */
  glimpse(location: RtdbLocation, writeTime: string): Promise<unknown>;
}

/** Gives an OAuth access token for RTDB's REST API, or `owner` for the emulator. */
export type AccessToken = () => Promise<string>;

const READ_TIMEOUT_MS = 5_000;
const GLIMPSE_TIMEOUT_MS = 1_500;
/** After a glimpse failed, events are not delayed by another one for this long. */
const GLIMPSE_PAUSE_MS = 60_000;
const GLIMPSES_KEPT = 20;

/**
 * REST rather than the SDK's socket: one request for the odd tie or deletion, with a time limit;
 * the SDK's `get()` waits for ever while it has no connection.
 *
 * Source: https://firebase.google.com/docs/database/rest/auth
 *
 * @param emulatorHost `host:port` of the database emulator, where there is one
 */
export function createRtdbReader(
  accessToken: AccessToken,
  emulatorHost: string | undefined,
): RtdbReader {
  const glimpses = new Map<string, Promise<unknown>>();
  let pausedUntil = 0;

  const fetchValue = async (location: RtdbLocation, timeoutMs: number): Promise<unknown> => {
    const url = urlOf(location, emulatorHost);
    if (url === null) throw new Error('the event names no database to read');
    const signal = AbortSignal.timeout(timeoutMs);
    const token = await orAborted(accessToken(), signal);
    const response = await fetch(url, { signal, headers: { authorization: `Bearer ${token}` } });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`RTDB answered ${response.status} to a read`);
    }
    return response.json();
  };

  return {
    isReadable: (location) => urlOf(location, emulatorHost) !== null,
    read: (location) => fetchValue(location, READ_TIMEOUT_MS),
    glimpse(location, writeTime) {
      const key = `${location.instance} ${location.path} ${writeTime}`;
      const known = glimpses.get(key);
      if (known) return known;
      if (Date.now() < pausedUntil) return Promise.resolve(undefined);
      const glimpse = fetchValue(location, GLIMPSE_TIMEOUT_MS).catch(() => {
        pausedUntil = Date.now() + GLIMPSE_PAUSE_MS;
        glimpses.delete(key);
        return undefined;
      });
      const oldest = glimpses.size >= GLIMPSES_KEPT ? glimpses.keys().next() : null;
      if (oldest && !oldest.done) glimpses.delete(oldest.value);
      glimpses.set(key, glimpse);
      return glimpse;
    },
  };
}

function urlOf(
  { instance, databaseHost, path }: RtdbLocation,
  emulatorHost?: string,
): string | null {
  const keys = path.split('/').map(encodeURIComponent).join('/');
  if (instance === null || !/^[A-Za-z0-9-]+$/.test(instance)) return null;
  if (emulatorHost) return `http://${emulatorHost}/${keys}.json?ns=${instance}`;
  // The token goes to this host: only to Google's.
  const isGoogles = /^([a-z0-9-]+\.)?(firebaseio\.com|firebasedatabase\.app)$/;
  if (databaseHost === null || !isGoogles.test(databaseHost)) return null;
  return `https://${instance}.${databaseHost}/${keys}.json`;
}
