import { z } from 'zod';
import type { MirroredPath } from '../../paths/mirrored-path';
import { CANARY_COUPLE } from '../../paths/quest-completions/canary-couple';
import { query, type Statements } from '../../postgres/statements';
import { lookAtShard } from '../../readings/look-at-shard';
import { planReading } from '../../readings/plan-reading';
import { everyMsFor, type ProofTimes } from '../../readings/proof-times';
import {
  type CostReport,
  dollarsOf,
  gbAMonth,
  type HourlyBytes,
  hourlyBytes,
  type NodeBytes,
  type NodeCost,
  sumOf,
} from '../../readings/reading-cost';
import { rtdbShards } from '../../readings/rtdb-shards';
import { type ShardNode, shardNodes } from '../../readings/shard-node';
import { BEGIN_READING, type ShardState } from '../../readings/shard-state';
import { pagesOfKeys } from '../../rtdb/rtdb-children';
import type { RtdbAccess } from '../../rtdb/rtdb-client';
import { newUsage } from '../../rtdb/rtdb-transport';
import { instantOfMillis, millisOf } from '../../values/event-time';

const SHARDS = query({
  text: `
select p.path, (select count(*)::integer from mirror.readings as r where r.path = p.path) as shards
from mirror.paths as p
`,
  params: {},
  row: { path: z.string(), shards: z.number() },
});

/** Some shards, in no order that means anything. */
const SAMPLE = query({
  text: `
select r.shard
from mirror.readings as r
where r.path = $1 and r.shard <> $2
order by md5(r.shard)
limit $3::integer
`,
  params: { path: 'text', canary: 'text', most: 'integer' },
  row: { shard: z.string() },
});

const TOUCHED_HOURS = query({
  text: `
select count(distinct (touched.shard, touched.hour))::integer as hours
from unnest($1::text[]) as wanted (path)
cross join lateral mirror.touched_hours(wanted.path, $2, make_interval(days => $3)) as touched
`,
  params: { paths: 'text[]', shards: 'text[]', days: 'integer' },
  row: { hours: z.number() },
});

/** Read from RTDB for each kind of reading; it is paid for as well. */
const READ_SHARDS = 5;
/** Looked up in Postgres, for how often rows touch a shard. */
const TOUCHED_SHARDS = 100;
const TOUCHED_DAYS = 7;
const DAY_MS = 24 * 60 * 60 * 1000;
/** What an alternative is measured with. */
const FEWER_DAYS = 2;
const MORE_FULL_DAYS = 90;
const LONGEST_HOURS = 20;

interface Stores {
  statements: Statements;
  rtdb: RtdbAccess;
  paths: readonly MirroredPath[];
  times: ProofTimes;
}

/** Measures on a few shards what readings bring, live, and reckons a month. Sets nothing; rejects as the stores do. */
export async function costOfReadings(stores: Stores): Promise<CostReport> {
  const { statements, times, paths } = stores;
  const counted = await SHARDS.all(statements);
  const shardsOf = new Map(counted.map(({ path, shards }) => [path, shards]));
  const usual: { node: NodeBytes; cost: NodeCost }[] = [];
  const fewerDays: NodeBytes[] = [];
  for (const node of shardNodes(paths)) {
    const shards = Math.max(...node.members.map(({ path }) => shardsOf.get(path.name) ?? 0));
    if (shards === 0) continue;
    const { bytes, sampled } = await measureNode(node, shards, stores);
    const short = { ...stores, times: { ...times, reconcileDays: FEWER_DAYS } };
    fewerDays.push({ ...bytes, whole: (await measureKind('whole', node, sampled, short)).bytes });
    usual.push({
      node: bytes,
      cost: {
        ...bytes,
        paths: node.members.map(({ path }) => path.name),
        everyHours: everyMsFor(times, shards) / 3_600_000,
        sampled: sampled.length,
        gbAMonth: gbAMonth(sumOf(hourlyBytes(bytes, times))),
      },
    });
  }
  const nodes = usual.map(({ node }) => node);
  const monthly = gbOf(nodes, times);
  return {
    nodes: usual.map(({ cost }) => cost),
    gbAMonth: monthly,
    dollarsAMonth: dollarsOf(monthly),
    fullShare: monthly === 0 ? 0 : 1 - gbOf(nodes, times, WITHOUT_FULL) / monthly,
    cheaper: cheaperThan(monthly, nodes, fewerDays, times),
  };
}

const gbOf = (nodes: readonly NodeBytes[], times: ProofTimes, without: Partial<HourlyBytes> = {}) =>
  nodes.reduce(
    (sum, node) => sum + gbAMonth(sumOf({ ...hourlyBytes(node, times), ...without })),
    0,
  );

/** A backup is compared as often as the paths without a day ask for full readings, so that none is due live. */
const WITHOUT_FULL: Partial<HourlyBytes> = { full: 0 };
const BACKUP_EVERY_DAYS = 6;

/** Pure. */
function cheaperThan(
  gb: number,
  nodes: readonly NodeBytes[],
  fewerDays: readonly NodeBytes[],
  times: ProofTimes,
): CostReport['cheaper'] {
  const everyMs = LONGEST_HOURS * 3_600_000;
  const dated = MORE_FULL_DAYS * DAY_MS;
  const options = [
    {
      setting: `mirror reconcile --backup FILE, every ${BACKUP_EVERY_DAYS} days`,
      gb: gbOf(nodes, times, WITHOUT_FULL),
      price: "RTDB's own backup shows all values; only keys that moved since are read live",
    },
    {
      setting: `RECONCILE_HOURS=${LONGEST_HOURS}`,
      gb: gbOf(nodes, { ...times, everyMs, listEveryMs: Math.max(times.listEveryMs, 1) }),
      price: 'a loss is found within a day',
    },
    {
      setting: `RECONCILE_DAYS=${FEWER_DAYS}`,
      gb: gbOf(fewerDays, times),
      price: 'a write to an older day that is lost is found by the next full reading',
    },
    {
      setting: `RECONCILE_FULL_DAYS=${MORE_FULL_DAYS}`,
      gb: gbOf(nodes, { ...times, fullEveryMs: { ...times.fullEveryMs, dated } }),
      price: 'old days are compared every three months',
    },
  ];
  return options
    .filter((option) => option.gb < gb * 0.98)
    .map(({ setting, gb: less, price }) => ({ setting, dollarsAMonth: dollarsOf(less), price }));
}

async function measureNode(
  node: ShardNode,
  shards: number,
  stores: Stores,
): Promise<{ bytes: NodeBytes; sampled: string[] }> {
  const { statements } = stores;
  const paths = node.members.map(({ path }) => path.name);
  const canary = CANARY_COUPLE;
  const known = await SAMPLE.all(statements, {
    ...{ path: paths[0] ?? '', canary, most: TOUCHED_SHARDS },
  });
  const all = known.map(({ shard }) => shard);
  const sampled = all.slice(0, READ_SHARDS);
  const { hours } = await TOUCHED_HOURS.one(statements, {
    ...{ paths, shards: all, days: TOUCHED_DAYS },
  });
  const touched = await measureKind('touched', node, sampled, stores);
  const bytes: NodeBytes = {
    shards,
    touchedShare: Math.min(1, hours / Math.max(1, all.length * TOUCHED_DAYS * 24)),
    listed: await bytesOfKey(node, stores),
    whole: (await measureKind('whole', node, sampled, stores)).bytes,
    touched: touched.bytes,
    full: (await measureKind('full', node, sampled, stores)).bytes,
    isDated: node.members.some(({ path }) => path.dayColumn !== null),
  };
  return { bytes, sampled };
}

async function bytesOfKey({ root }: ShardNode, { rtdb }: Stores): Promise<number> {
  const usage = newUsage();
  for await (const page of pagesOfKeys({ ...rtdb, usage }, root)) {
    return usage.wireBytes / Math.max(1, page.length);
  }
  return 0;
}

type Kind = 'whole' | 'touched' | 'full';

/** The bytes of a reading of that kind, a shard on the average. */
async function measureKind(
  kind: Kind,
  node: ShardNode,
  shards: readonly string[],
  { statements, rtdb, times }: Stores,
): Promise<{ bytes: number }> {
  const usage = newUsage();
  const source = rtdbShards({ ...rtdb, usage });
  for (const shard of shards) {
    const states = await BEGIN_READING.all(statements, {
      paths: node.members.map(({ path }) => path.name),
      shard,
      movedWithinDays: times.reconcileDays,
    });
    const due = states.map((state) => asIfDue(kind, state, node, times));
    const plans = planReading(node, shard, due, {}, times, () => MANY);
    const looks = lookAtShard(node, shard, plans, {
      statements,
      rtdb: source,
      retentionDays: 0,
      times,
    });
    await Promise.all(looks);
  }
  return { bytes: shards.length === 0 ? 0 : usage.wireBytes / shards.length };
}

/** So many that every one is read as seldom as possible. */
const MANY = 1_000_000;

/** The state of a shard of which a reading of that kind is due, and of which nothing differs. */
function asIfDue(
  kind: Kind,
  state: ShardState,
  { members }: ShardNode,
  times: ProofTimes,
): ShardState {
  const { readAt } = state;
  const nowMs = millisOf(readAt);
  const ago = (ms: number) => instantOfMillis(nowMs - ms) ?? readAt;
  const lastAt = kind === 'whole' ? ago(everyMsFor(times, MANY)) : ago(60_000);
  const isDated = members.some(
    ({ path, aboveDay }) => path.name === state.path && aboveDay !== null,
  );
  const newest = [...(state.moved ?? [])].sort(([, a], [, b]) => (a < b ? 1 : -1))[0];
  const what = newest?.[0] ?? (isDated ? readAt.slice(0, 10) : null);
  const touched: ShardState['moved'] = what === null ? [] : [[what, readAt]];
  const moved = isDated ? [] : state.moved;
  return {
    ...state,
    ...{ open: [], settled: [], suspects: [], direct: [] },
    pathBooks: { ...state.pathBooks, gap_at: null, restored_at: null },
    moved: kind === 'touched' ? touched : moved,
    reading: {
      ...(state.reading ?? UNREAD),
      ...{ read_at: lastAt, touched_at: null, full_at: readAt, is_full_due: kind === 'full' },
    },
  };
}

const UNREAD: NonNullable<ShardState['reading']> = {
  ...{ first_seen_at: '-infinity', read_at: null, read_from: null, whole_at: [], touched_at: null },
  ...{ full_at: null, keys: 0, counted_since: null, brought: 0, in_flight: 0, due_at: '-infinity' },
  ...{ is_full_due: false, set_at: null, caught_up_at: null, failed_at: null, error: null },
};
