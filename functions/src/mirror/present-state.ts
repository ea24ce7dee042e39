import type { Reading, RtdbAccess } from '../rtdb/rtdb-client';
import { type AccessToken, databaseOfEvent, type RtdbOrigin } from '../rtdb/rtdb-database';
import { ByteBudget } from '../runtime/byte-budget';

/** A place in RTDB, as an event names it. */
export interface RtdbLocation extends RtdbOrigin {
  /** Literal path, keys not encoded. */
  path: string;
}

/** How much of a place is read as evidence. */
export interface EvidenceBound {
  /** Its keys without what they hold. */
  shallow?: true;
  /** Of its JSON. */
  maxBytes: number;
}

/** What RTDB holds now, where an event says. */
export interface PresentState {
  /** Whether the location names a database at all; if not, no later try will find it. */
  isReadable(location: RtdbLocation): boolean;
  /** A leaf; rejects where it can't be read in time. */
  readLeaf(location: RtdbLocation): Promise<Reading>;
  /** What only explains an event: null where it can't be read, and soon given up on. */
  readEvidence(location: RtdbLocation, bound: EvidenceBound): Promise<Reading | null>;
}

const LEAF_TIMEOUT_MS = 5_000;
const EVIDENCE_TIMEOUT_MS = 1_500;
/** After evidence could not be read, events are not delayed by more of it for this long. */
const EVIDENCE_PAUSE_MS = 60_000;
/** An event, and with it all that any event can bring of a leaf, has 1 MB at most. */
export const MAX_LEAF_BYTES = 1_500_000;
/** What all readings of an instance may hold at once. */
const MAX_BYTES_AT_ONCE = 4_000_000;

/**
 * Over REST rather than the SDK's socket: one request for the odd tie or deletion, with a time limit;
 * the SDK's `get()` waits forever while it has no connection. One try: the platform retries the event.
 *
 * @param emulatorHost `host:port` of the database emulator, where there is one
 */
export function createPresentState(
  accessToken: AccessToken,
  emulatorHost: string | undefined,
): PresentState {
  const budget = new ByteBudget(MAX_BYTES_AT_ONCE);
  let pausedUntil = 0;

  const read = async (
    location: RtdbLocation,
    { shallow, maxBytes }: EvidenceBound,
    timeoutMs: number,
  ): Promise<Reading> => {
    const database = databaseOfEvent(location, emulatorHost);
    if (database === null) throw new Error('the event names no database to read');
    const access: RtdbAccess = { database, accessToken, timeoutMs, tries: 1, budget };
    const path = location.path.split('/');
    // Loaded at the first read: most instances have none, and the first event is not to wait for it.
    const { requestRtdb, RtdbReadError } =
      require('../rtdb/rtdb-client') as typeof import('../rtdb/rtdb-client');
    return requestRtdb(access, {
      ...{ path, maxBytes },
      ...(shallow ? { query: { shallow: 'true' } } : {}),
    }).catch((error: unknown) => {
      if (!(error instanceof RtdbReadError) || error.status === null) throw error;
      // The platform logs what is thrown, and RTDB's own words may name a path, with its ids.
      throw new Error(`RTDB answered ${error.status} to a read`);
    });
  };

  return {
    isReadable: (location) => databaseOfEvent(location, emulatorHost) !== null,
    readLeaf: (location) => read(location, { maxBytes: MAX_LEAF_BYTES }, LEAF_TIMEOUT_MS),
    async readEvidence(location, bound) {
      if (Date.now() < pausedUntil) return null;
      try {
        return await read(location, bound, EVIDENCE_TIMEOUT_MS);
      } catch {
        pausedUntil = Date.now() + EVIDENCE_PAUSE_MS;
        return null;
      }
    },
  };
}
