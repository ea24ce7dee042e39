import { type RtdbAccess, RtdbReadError, readRtdb, requestRtdb } from '../rtdb/rtdb-client';
import { atEnd, type TreeSource } from './sample-tree';

const MOST_BYTES_OF_KEYS = 4_000_000;
const MOST_BYTES_OF_A_DOCUMENT = 256_000;

/**
 * RTDB over REST, read in small pieces.
 *
 * Source: https://firebase.google.com/docs/database/rest/retrieve-data
 *
 * @param signal ends all requests
 * @throws RtdbReadError from both; what `signal` has for a reason
 */
export function rtdbSource(access: RtdbAccess, signal?: AbortSignal): TreeSource {
  const until = signal === undefined ? {} : { signal };
  const shallow = (path: readonly string[], query: Record<string, string>) =>
    readRtdb(access, {
      path,
      query: { shallow: 'true', ...query },
      maxBytes: MOST_BYTES_OF_KEYS,
      ...until,
    });
  return {
    async keysOf(path, most, end) {
      const limit = { [end === 'first' ? 'limitToFirst' : 'limitToLast']: String(most) };
      const node = await shallow(path, limit).catch((error: unknown) => {
        // The documentation promises no limits together with `shallow`.
        if (!(error instanceof RtdbReadError && error.status === 400)) throw error;
        return shallow(path, {});
      });
      return typeof node === 'object' && node !== null ? atEnd(Object.keys(node), most, end) : [];
    },
    async valueAt(path) {
      const reading = await requestRtdb(access, {
        ...{ path, maxBytes: MOST_BYTES_OF_A_DOCUMENT, ...until },
      });
      return reading.isWhole ? reading.value : undefined;
    },
  };
}
