import { ByteBudget } from '../runtime/byte-budget';
import { orAborted } from '../runtime/deadline';
import { bodyUpTo } from './body-up-to';

/** A place in RTDB, as an event names it. */
export interface RtdbLocation {
  instance: string | null;
  databaseHost: string | null;
  /** Literal path, keys not encoded. */
  path: string;
}

/** What a read brought: all of the value, or that there is more than was asked for. */
export type Reading = { isWhole: true; value: unknown } | { isWhole: false };

/** A part of RTDB that is read as evidence only. */
export interface Glimpse {
  /** Its keys without what they hold. */
  shallow?: true;
  /** Of its JSON. */
  maxBytes: number;
}

/** Reads RTDB's present state over REST. */
export interface RtdbReader {
  /** Whether the location names a database at all; if not, no later try will find it. */
  isReadable(location: RtdbLocation): boolean;
  /** A leaf; rejects where it can't be read in time. */
  read(location: RtdbLocation): Promise<Reading>;
  /** Evidence only: null where it can't be read, and soon given up on. */
  glimpse(location: RtdbLocation, glimpse: Glimpse): Promise<Reading | null>;
}

/** Gives an OAuth access token for RTDB's REST API, or `owner` for the emulator. */
export type AccessToken = () => Promise<string>;

const READ_TIMEOUT_MS = 5_000;
const GLIMPSE_TIMEOUT_MS = 1_500;
/** After a glimpse failed, events are not delayed by another one for this long. */
const GLIMPSE_PAUSE_MS = 60_000;
/** An event, and with it all that any event can bring of a leaf, has 1 MB at most. */
export const MAX_LEAF_BYTES = 1_500_000;
/** What all readings of an instance may hold at once. */
const MAX_BYTES_AT_ONCE = 4_000_000;

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
  const budget = new ByteBudget(MAX_BYTES_AT_ONCE);
  let pausedUntil = 0;

  const readUpTo = async (
    location: RtdbLocation,
    { shallow, maxBytes }: Glimpse,
    signal: AbortSignal,
  ): Promise<Reading> => {
    const url = urlOf(location, emulatorHost);
    if (url === null) throw new Error('the event names no database to read');
    if (shallow) url.searchParams.set('shallow', 'true');
    const token = await orAborted(accessToken(), signal);
    const response = await fetch(url, { signal, headers: { authorization: `Bearer ${token}` } });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`RTDB answered ${response.status} to a read`);
    }
    const body = await bodyUpTo(maxBytes, response);
    if (body === null) return { isWhole: false };
    return { isWhole: true, value: JSON.parse(body.toString('utf8')) };
  };

  const inTurn = async (
    location: RtdbLocation,
    glimpse: Glimpse,
    timeoutMs: number,
  ): Promise<Reading> => {
    const signal = AbortSignal.timeout(timeoutMs);
    const turn = budget.enter(glimpse.maxBytes) ?? Promise.resolve();
    try {
      await orAborted(turn, signal);
      return await readUpTo(location, glimpse, signal);
    } finally {
      void turn.then(() => budget.leave(glimpse.maxBytes));
    }
  };

  return {
    isReadable: (location) => urlOf(location, emulatorHost) !== null,
    read: (location) => inTurn(location, { maxBytes: MAX_LEAF_BYTES }, READ_TIMEOUT_MS),
    async glimpse(location, glimpse) {
      if (Date.now() < pausedUntil) return null;
      try {
        return await inTurn(location, glimpse, GLIMPSE_TIMEOUT_MS);
      } catch {
        pausedUntil = Date.now() + GLIMPSE_PAUSE_MS;
        return null;
      }
    },
  };
}

function urlOf({ instance, databaseHost, path }: RtdbLocation, emulatorHost?: string): URL | null {
  const keys = path.split('/').map(encodeURIComponent).join('/');
  if (instance === null || !/^[A-Za-z0-9-]+$/.test(instance)) return null;
  if (emulatorHost) return new URL(`http://${emulatorHost}/${keys}.json?ns=${instance}`);
  // The token goes to this host: only to Google's.
  const isGoogles = /^([a-z0-9-]+\.)?(firebaseio\.com|firebasedatabase\.app)$/;
  if (databaseHost === null || !isGoogles.test(databaseHost)) return null;
  return new URL(`https://${instance}.${databaseHost}/${keys}.json`);
}
