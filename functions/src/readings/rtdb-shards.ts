import { type RtdbRequestOptions, requestRtdb } from '../rtdb/rtdb-request';
import type { ShardSource } from './look-at-shard';
import type { ShardList } from './queue';

/** RTDB over REST, for readings. Rejects with RtdbReadError. */
export function rtdbShards(options: RtdbRequestOptions): ShardSource & ShardList {
  const ask = async (path: readonly string[], query: Record<string, string> = {}) =>
    (await requestRtdb(path, query, options)).value;
  return {
    read: (path) => ask(path),
    readRange: (path, from, to) =>
      ask(path, { orderBy: '"$key"', startAt: JSON.stringify(from), endAt: JSON.stringify(to) }),
    readKeys: async (path) => Object.keys((await ask(path, { shallow: 'true' })) ?? {}),
    async listKeys(path, after) {
      const keys = Object.keys((await ask(path, { shallow: 'true' })) ?? {});
      return after === null ? keys : [];
    },
  };
}
