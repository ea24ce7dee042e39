import { childrenOf, pagesOfKeys } from '../rtdb/rtdb-children';
import { type RtdbAccess, readRtdb } from '../rtdb/rtdb-client';
import type { ShardList } from './find-due';
import type { ShardSource } from './look-at-shard';

/** RTDB over REST, as readings need it. Rejects with RtdbReadError. */
export function rtdbShards(access: RtdbAccess): ShardSource & ShardList {
  return {
    read: (path) => readRtdb(access, { path }),
    async readRange(path, from, to) {
      const children = await childrenOf(access, path, { from, to });
      return children === null ? null : Object.fromEntries(children);
    },
    async readKeys(path) {
      const keys: string[] = [];
      for await (const page of pagesOfKeys(access, path)) keys.push(...page);
      return keys;
    },
    pagesOfKeys: (path, after) => pagesOfKeys(access, path, undefined, after),
  };
}
