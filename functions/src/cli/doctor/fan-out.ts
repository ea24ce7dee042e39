import { questCompletions } from '../../paths/quest-completions/quest-completions';
import { leavesOfNode } from '../../readings/leaves-of-node';
import { type NodeMember, shardNodes } from '../../readings/shard-node';
import { pagesOfKeys } from '../../rtdb/rtdb-children';
import { type RtdbAccess, readRtdb } from '../../rtdb/rtdb-client';

/** The most completions that one write could touch, as far as was looked. */
export interface FanOut {
  ofDay: number;
  ofCouple: number;
  couplesRead: number;
  couples: number;
}

const READS_AT_ONCE = 8;
const AS_OF = '9999-12-31T00:00:00.000000Z';

/** Reads a sample of couples, evenly spread, all their days. Rejects with RtdbReadError. */
export async function largestFanOut(rtdb: RtdbAccess, sample: number): Promise<FanOut> {
  const [node] = shardNodes([questCompletions]);
  const member = node?.members[0];
  const found: FanOut = { ofDay: 0, ofCouple: 0, couplesRead: 0, couples: 0 };
  if (node === undefined || member === undefined) return found;
  const all: string[] = [];
  for await (const page of pagesOfKeys(rtdb, node.root)) all.push(...page);
  found.couples = all.length;
  found.couplesRead = Math.min(sample, all.length);
  const step = Math.max(1, all.length / sample);
  const couples = Array.from(
    { length: found.couplesRead },
    (_, n) => all[Math.floor(n * step)] ?? '',
  );
  const read = async (): Promise<void> => {
    for (let couple = couples.shift(); couple !== undefined; couple = couples.shift()) {
      const keys = [...node.root, couple];
      const { ofDay, ofCouple } = sizesOf(member, keys, await readRtdb(rtdb, { path: keys }));
      found.ofDay = Math.max(found.ofDay, ofDay);
      found.ofCouple = Math.max(found.ofCouple, ofCouple);
    }
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, read));
  return found;
}

function sizesOf(
  member: NodeMember,
  keys: readonly string[],
  node: unknown,
): Pick<FanOut, 'ofDay' | 'ofCouple'> {
  const byDay = new Map<string | null, number>();
  const { leaves } = leavesOfNode(member, keys, node, AS_OF);
  for (const { leaf } of leaves) {
    const { day } = member.path.placeOf(leaf);
    byDay.set(day, (byDay.get(day) ?? 0) + 1);
  }
  return { ofDay: Math.max(0, ...byDay.values()), ofCouple: leaves.length };
}
