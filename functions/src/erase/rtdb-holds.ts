import { z } from 'zod';
import type { MirroredPath } from '../paths/mirrored-path';
import { query, type Statements } from '../postgres/statements';
import type { ShardList } from '../readings/find-due';
import { refOfParts } from '../readings/key-parts';
import type { ShardSource } from '../readings/look-at-shard';
import { shardNodes } from '../readings/shard-node';
import { holdsId, mentionsId } from './mentions';

/** Keys whose rows name an id in a shard that holds none. */
const KEYS_MENTIONING = query({
  text: 'select parts from mirror.keys_mentioning($1, $2, $3) as parts',
  params: { path: 'text', ids: 'text[]', most: 'integer' },
  row: { parts: z.array(z.string()) },
});

const MOST_KEYS = 1_000;

/**
 * Where RTDB still holds one of the ids, as far as the mirrored paths go: shards that hold it, by RTDB's own list; and
 * leaves of other shards whose rows name it, looked at in RTDB. Rejects as the stores do.
 *
 * @returns refs
 */
export async function rtdbHolds(
  ids: readonly string[],
  paths: readonly MirroredPath[],
  { statements, rtdb }: { statements: Statements; rtdb: ShardSource & ShardList },
): Promise<string[]> {
  const refs: string[] = [];
  for (const { root } of shardNodes(paths)) {
    for await (const page of rtdb.pagesOfKeys([...root], null)) {
      const held = page.filter((shard) => holdsId(shard, ids));
      refs.push(...held.map((shard) => [...root, shard].join('/')));
    }
  }
  for (const path of paths) {
    const asked = { path: path.name, ids, most: MOST_KEYS };
    for (const { parts } of await KEYS_MENTIONING.all(statements, asked)) {
      const ref = refOfParts(path.ref, parts);
      const value = await rtdb.read(ref.split('/'));
      if (value === null) continue;
      const isKey = parts.slice(1).some((part) => ids.includes(part));
      if (isKey || mentionsId(value, ids)) refs.push(ref);
    }
  }
  return refs;
}
