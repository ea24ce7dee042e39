import { RtdbReadError, type RtdbRequestOptions, requestRtdb } from '../rtdb/rtdb-request';
import { atEnd, type TreeSource } from './sample-tree';

const MOST_BYTES_OF_KEYS = 4_000_000;
const MOST_BYTES_OF_A_DOCUMENT = 256_000;

/**
 * RTDB over REST, read in small pieces.
 *
 * Source: https://firebase.google.com/docs/database/rest/retrieve-data
 *
 * @throws RtdbReadError from both
 */
export function rtdbSource(options: RtdbRequestOptions): TreeSource {
  const shallow = async (path: readonly string[], query: Record<string, string>) => {
    const bounds = { ...options, maxBytes: MOST_BYTES_OF_KEYS };
    const { value, isWhole } = await requestRtdb(path, { shallow: 'true', ...query }, bounds);
    if (isWhole) return value;
    throw new RtdbReadError(`a node of RTDB has more than ${MOST_BYTES_OF_KEYS} bytes of keys`);
  };
  return {
    async keysOf(path, most, end) {
      const limit = { [end === 'first' ? 'limitToFirst' : 'limitToLast']: String(most) };
      const node = await shallow(path, limit).catch((error: unknown) => {
        // The documentation promises no limits together with `shallow`.
        if (!(error instanceof RtdbReadError) || !/answered 400/.test(error.message)) throw error;
        return shallow(path, {});
      });
      return typeof node === 'object' && node !== null ? atEnd(Object.keys(node), most, end) : [];
    },
    async valueAt(path) {
      const bounds = { ...options, maxBytes: MOST_BYTES_OF_A_DOCUMENT };
      const { value, isWhole } = await requestRtdb(path, {}, bounds);
      return isWhole ? value : undefined;
    },
  };
}
