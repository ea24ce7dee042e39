import type { Shard } from './compare-shard';

/** Couples of one shard; a task names them all, and the tasks emulator takes 100 KB of base64. */
const MAX_COUPLES = 250;
const MAX_BYTES = 60_000;

/**
 * Divides all couples there may be into ranges, by those that RTDB lists. Pure. The first range has
 * no beginning and the last no end, so that couples which only Postgres knows lie in one of them.
 *
 * @param couples in UTF-8 byte order
 */
export function shardsOf(couples: readonly string[], maxCouples = MAX_COUPLES): Shard[] {
  const shards: Shard[] = [];
  let part: string[] = [];
  let bytes = 0;
  let after: string | null = null;
  for (const coupleId of couples) {
    const size = Buffer.byteLength(JSON.stringify(coupleId)) + 1;
    if (part.length === maxCouples || (part.length > 0 && bytes + size > MAX_BYTES)) {
      const upTo: string | null = part.at(-1) ?? null;
      shards.push({ range: { after, upTo }, couples: part });
      [after, part, bytes] = [upTo, [], 0];
    }
    part.push(coupleId);
    bytes += size;
  }
  shards.push({ range: { after, upTo: null }, couples: part });
  return shards;
}

/** The couples of a list that lie in a range; for a run whose ranges were cut by an older list. */
export function couplesOfRange(
  couples: readonly string[],
  { after, upTo }: Shard['range'],
  compare: (a: string, b: string) => number,
): string[] {
  return couples.filter(
    (coupleId) =>
      (after === null || compare(coupleId, after) > 0) &&
      (upTo === null || compare(coupleId, upTo) <= 0),
  );
}
