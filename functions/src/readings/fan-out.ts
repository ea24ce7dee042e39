/**
 * Functions that one write to RTDB triggers at most in a region (2nd gen); events beyond may be lost where the
 * database does not validate triggers strictly.
 * Source: Firebase documentation, "Realtime Database Limits".
 */
export const FAN_OUT_LIMIT = 500;

/** A loss that nothing else explains, and between which instants it was written. */
export interface Loss {
  id: number;
  shard: string;
  keys: number;
  from: string;
  to: string;
}

/** Losses with an instant that lies within the bounds of all. */
export interface LossGroup {
  at: string;
  losses: Loss[];
  /** The first and the last instant of any of their bounds. */
  from: string;
  to: string;
}

/** What events brought that were written meanwhile. */
export interface Written {
  leaves: number;
  /** Instants that several leaves share, those of most leaves first. */
  instants: readonly { at: string; leaves: number }[];
}

/** A write beyond the limit, and what is missing of it. */
export interface MassWrite {
  /** Null: nothing of it came. */
  writeTime: string | null;
  arrived: number;
  missing: number;
  losses: Loss[];
}

/** A shard counts for half the limit at most: none decides alone. */
const MAX_OF_SHARD = FAN_OUT_LIMIT / 2;
/** So many leaves of one instant were one write; and of fewer losses nobody asks for what came meanwhile. */
const LEAST_LEAVES = 20;
/** More groups are looked into by the next round. */
const MAX_GROUPS = 10;

/**
 * Gathers losses by an instant that lies within the bounds of most of them, then the same of what is left. What one
 * shard lost over half a year has no such instant. Pure.
 */
export function groupLosses(losses: readonly Loss[]): LossGroup[] {
  const groups: LossGroup[] = [];
  let rest = [...losses];
  while (groups.length < MAX_GROUPS) {
    const at = busiest(rest);
    const inside = rest.filter((loss) => loss.from < at && at <= loss.to);
    if (keysOf(inside) < LEAST_LEAVES) break;
    rest = rest.filter((loss) => loss.from >= at || at > loss.to);
    const [froms, tos] = [inside.map(({ from }) => from).sort(), inside.map(({ to }) => to).sort()];
    groups.push({
      ...{ at, losses: inside },
      from: froms[0] ?? at,
      to: tos.at(-1) ?? at,
    });
  }
  return groups;
}

/** The end of some loss's bounds at which most are open. */
function busiest(losses: readonly Loss[]): string {
  const changes = losses
    .flatMap(({ from, to, keys }) => [
      { at: from, isOpen: true, keys },
      { at: to, isOpen: false, keys: -keys },
    ])
    // Bounds leave out their beginning, and include their end.
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : Number(a.isOpen) - Number(b.isOpen)));
  let [open, most, at] = [0, 0, ''];
  for (const change of changes) {
    if (!change.isOpen && open > most) [most, at] = [open, change.at];
    open += change.keys;
  }
  return at;
}

/**
 * Whether a group is what one write beyond the limit left: a part of it came, all with its one instant, and what
 * came and what is missing exceed the limit; or more was lost than came of all writes meanwhile, and over
 * several shards. Null = it can't be told. Pure.
 */
export function massWriteOf({ losses }: LossGroup, written: Written): MassWrite | null {
  for (const { at, leaves } of written.instants) {
    const missing = losses.filter(({ from, to }) => from < at && at <= to);
    if (leaves < LEAST_LEAVES || missing.length === 0) continue;
    const count = keysOf(missing);
    if (leaves + count > FAN_OUT_LIMIT) {
      return { writeTime: at, arrived: leaves, missing: count, losses: missing };
    }
  }
  const byShard = new Map<string, number>();
  for (const { shard, keys } of losses) byShard.set(shard, (byShard.get(shard) ?? 0) + keys);
  let bounded = 0;
  for (const keys of byShard.values()) bounded += Math.min(keys, MAX_OF_SHARD);
  if (bounded <= FAN_OUT_LIMIT || written.leaves >= bounded) return null;
  return { writeTime: null, arrived: 0, missing: keysOf(losses), losses: [...losses] };
}

function keysOf(losses: readonly Loss[]): number {
  return losses.reduce((sum, { keys }) => sum + keys, 0);
}
