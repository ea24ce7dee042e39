/** Keys, by what is known of them: the rest of `total` agrees. */
export interface Tally {
  total: number;
  differing: number;
  /** Nobody knows; they count both ways. */
  unknown: number;
}

/** What is known of one shard, such as a couple. */
export interface ShardTally extends Tally {
  shard: string;
}

/** Shards of each of which the same is known. */
export interface ShardGroup extends Tally {
  /** How many they are. */
  shards: number;
  /** The name of one of those that differ most, which is a group of its own; null = nobody asks for it. */
  shard: string | null;
}

/** What a rate is judged by. */
export interface RateEvidence extends Tally {
  /** Of all shards at least those that differ most, that may differ most, and the heaviest (see {@link leftOutOf}). */
  groups: readonly ShardGroup[];
}

/** A rate with all unknown keys as differing, and as agreeing; without the couples that decide nothing alone. */
export interface RateBounds {
  lower: number;
  upper: number;
  /** The shards that the upper rate was judged without, because most of their keys differ. */
  leftOut: ShardTally[];
}

/** Fewer shards are judged as they are: of a few, one may be the app. */
const LEAST_SHARDS_TO_LEAVE_OUT = 20;
const SHARDS_FOR_EACH_LEFT_OUT = 1_000;

/** How many shards a rate is judged without, of each sort: those that differ most, and the heaviest of the rest. */
function leftOutOf(shards: number): number {
  return shards < LEAST_SHARDS_TO_LEAVE_OUT ? 0 : Math.ceil(shards / SHARDS_FOR_EACH_LEFT_OUT);
}

/** Both ends of what a rate may be. Pure. */
export function boundsOf(evidence: RateEvidence, shards: number): RateBounds {
  const most = leftOutOf(shards);
  const upper = bound(evidence, most, ({ differing }) => differing);
  const lower = bound(evidence, most, ({ differing, unknown }) => differing + unknown);
  // They may be judged without different shards.
  return {
    lower: Math.min(lower.rate, upper.rate),
    upper: upper.rate,
    leftOut: upper.worst.flatMap(({ shard, total, differing, unknown }) =>
      shard !== null && differing > 0 ? [{ shard, total, differing, unknown }] : [],
    ),
  };
}

function bound(evidence: RateEvidence, most: number, badOf: (tally: Tally) => number) {
  const left = { total: evidence.total, bad: badOf(evidence) };
  const takeOut = (group: ShardGroup) => {
    left.total -= group.total * group.shards;
    left.bad -= badOf(group) * group.shards;
  };
  const isNamed = ({ shard }: ShardGroup) => Number(shard !== null);
  const byHarm = [...evidence.groups].sort(
    (a, b) => badOf(b) - badOf(a) || b.total - a.total || isNamed(b) - isNamed(a),
  );
  const [worst, others] = splitAt(byHarm, most);
  worst.forEach(takeOut);
  const [heaviest] = splitAt(
    others.sort((a, b) => b.total - a.total),
    most,
  );
  for (const heavy of heaviest) {
    // A heavy couple that agrees would hide what the others lose. What holds of one of a group holds of all.
    const lowers = left.bad * heavy.total > badOf(heavy) * left.total;
    if (lowers) takeOut(heavy);
  }
  return { rate: left.total === 0 ? 1 : 1 - left.bad / left.total, worst };
}

/** The first `most` shards of groups, and the rest. */
function splitAt(groups: readonly ShardGroup[], most: number): [ShardGroup[], ShardGroup[]] {
  let room = most;
  const [first, rest]: [ShardGroup[], ShardGroup[]] = [[], []];
  for (const group of groups) {
    const taken = Math.min(room, group.shards);
    if (taken > 0) first.push({ ...group, shards: taken });
    if (taken < group.shards) rest.push({ ...group, shards: group.shards - taken });
    room -= taken;
  }
  return [first, rest];
}

/** The share of known keys that agree; null where there are none. */
export function plainRate({ total, differing, unknown }: Tally): number | null {
  const known = total - unknown;
  return known === 0 ? null : (known - differing) / known;
}

/** `99.9960%`: cut, not rounded, so that 99.99999% does not look like all of it. */
export function formatShare(share: number): string {
  // Against what binary fractions add: 0.99 * 1e6 must stay 990000.
  const parts = Math.floor(share * 1_000_000 + 1e-6);
  return `${Math.floor(parts / 10_000)}.${String(parts % 10_000).padStart(4, '0')}%`;
}

/** `1,480` */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** Reads a decimal in (0, 1], such as `0.99`; null where the text is none. */
export function parseThreshold(text: string): number | null {
  if (!/^(0|1)?(?:\.\d{1,15})?$/.test(text) || text === '') return null;
  const value = Number(text);
  return value > 0 && value <= 1 ? value : null;
}

/** `99%`, with as many digits as were asked for. */
export function formatThreshold(threshold: number): string {
  return `${Number((threshold * 100).toPrecision(12))}%`;
}

/** Several tallies as one. Pure. */
export function sumOf(tallies: readonly Tally[]): Tally {
  const sum = { total: 0, differing: 0, unknown: 0 };
  for (const { total, differing, unknown } of tallies) {
    sum.total += total;
    sum.differing += differing;
    sum.unknown += unknown;
  }
  return sum;
}
