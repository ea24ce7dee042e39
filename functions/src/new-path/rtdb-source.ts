import { RtdbReadError, type RtdbRequestOptions, requestRtdb } from '../rtdb/rtdb-request';
import type { TreeSource } from './sample-tree';

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
    throw new RtdbReadError(
      `RTDB lists more than ${MOST_BYTES_OF_KEYS} bytes of keys: give a sample by --sample FILE`,
    );
  };
  return {
    async keysOf(path, most) {
      const first = { limitToFirst: String(most) };
      const node = await shallow(path, first).catch((error: unknown) => {
        // The documentation promises no limits together with `shallow`.
        if (!(error instanceof RtdbReadError) || !/answered 400/.test(error.message)) throw error;
        return shallow(path, {});
      });
      return typeof node === 'object' && node !== null ? Object.keys(node).slice(0, most) : [];
    },
    async valueAt(path) {
      const bounds = { ...options, maxBytes: MOST_BYTES_OF_A_DOCUMENT };
      const { value, isWhole } = await requestRtdb(path, {}, bounds);
      return isWhole ? value : undefined;
    },
  };
}
