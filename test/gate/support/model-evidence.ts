import { wordOfCanaries } from '../../../functions/src/gate/canaries';
import type { PathEvidence } from '../../../functions/src/gate/evidence';
import type { RateEvidence, ShardTally, Tally } from '../../../functions/src/gate/rate';
import type { Couple, Difference, ModelWorld } from './model-world';

const EPOCH_MS = Date.parse('2026-11-20T00:00:00Z');
const WINDOW = 24;
const FULL_LIMIT = 45 * 24;
const BY_HAND = ['repair', 'backfill', 'client', 'direct'];

/** An hour of the world as an instant. */
function instantOf(hours: number): string {
  return `${new Date(EPOCH_MS + hours * 3_600_000).toISOString().slice(0, -1)}000Z`;
}

/** What the books of a world say: what mirror.gate_evidence would answer. */
export function evidenceOf(world: ModelWorld): PathEvidence {
  const seen = world.couples.filter(({ seenAt }) => seenAt !== null);
  const verified = verifiedTo(world, seen);
  const judged = seen.filter((couple) => !isNew(world, couple));
  const copy = judged.map((couple) => copyOf(world, couple, verified));
  const mirror = judged.map((couple) => mirrorOf(world, couple, verified));
  const affected = judged.filter(
    (_, n) => (copy[n]?.differing ?? 0) + (mirror[n]?.differing ?? 0) > 0,
  );
  return {
    path: 'world',
    at: instantOf(world.now),
    beganAt: instantOf(world.beganAt),
    verifiedTo: verified === null ? null : instantOf(verified),
    shards: seen.length,
    ...{ unreadShards: 0, failedShards: 0, failedShard: null, failedError: null, oldFullShards: 0 },
    affectedShards: affected.length,
    oldestFullAt: null,
    copy: summed(copy),
    mirror: summed(mirror),
    causes: [],
    gaps: [
      ...world.gaps
        .filter(({ to }) => to === null || to > world.now - WINDOW)
        .map(({ from, to, reason }) => ({
          ...{ reason, fromAt: instantOf(from), toAt: to === null ? null : instantOf(to) },
        })),
      ...(world.outage.isOn
        ? [{ reason: 'outage' as const, fromAt: instantOf(world.now), toAt: null }]
        : []),
    ],
    canaries: wordOfCanaries(
      world.canaries
        .filter(({ at }) => at > world.now - WINDOW)
        .map(({ at, arrivedAt }) => ({ writtenAt: instantOf(at), hasArrived: arrivedAt !== null })),
    ),
  };
}

function summed(tallies: ShardTally[]): RateEvidence {
  const sum: Tally = { total: 0, differing: 0, unknown: 0 };
  for (const one of tallies) {
    sum.total += one.total;
    sum.differing += one.differing;
    sum.unknown += one.unknown;
  }
  return { ...sum, groups: tallies.map((one) => ({ ...one, shards: 1 })) };
}

function isNew({ now }: ModelWorld, { readAt, seenAt }: Couple): boolean {
  return readAt === null && seenAt !== null && now - seenAt < 1;
}

function verifiedTo(world: ModelWorld, seen: readonly Couple[]): number | null {
  const readable = seen.filter((couple) => !isNew(world, couple) && couple.failedAt === null);
  const times = readable
    .map(({ readAt }) => readAt ?? Number.NEGATIVE_INFINITY)
    .sort((a, b) => a - b);
  const oldest = times[Math.floor(times.length / 1_000)];
  if (oldest === undefined || world.listedAt < -1e8) return null;
  return oldest === Number.NEGATIVE_INFINITY ? null : Math.min(oldest, world.listedAt);
}

function isUnread({ readAt, failedAt }: Couple, verified: number | null): boolean {
  return failedAt !== null || readAt === null || (verified !== null && readAt < verified);
}

function copyOf(world: ModelWorld, couple: Couple, verified: number | null): ShardTally {
  const lastGap = Math.max(world.restoredAt ?? -1e9, ...world.gaps.map(({ to }) => to ?? -1e9));
  const fullLimit = Math.max(world.now - FULL_LIMIT, lastGap);
  const isUnknown =
    isUnread(couple, verified) || couple.fullAt === null || couple.fullAt < fullLimit;
  const lastLook = Math.max(couple.readAt ?? -1e9, couple.touchedAt ?? -1e9);
  const direct = new Set(
    couple.direct
      .filter(({ at, key }) => at > lastLook && !couple.open.has(key))
      .map(({ key }) => key),
  );
  const differing = couple.open.size + direct.size;
  const total = Math.max(
    couple.keys,
    differing + (isUnknown ? 0 : couple.inFlight),
    isUnknown ? 1 : 0,
  );
  return {
    ...{ shard: `c${couple.n}`, total, differing },
    unknown: isUnknown ? total - differing : couple.inFlight,
  };
}

function mirrorOf(world: ModelWorld, couple: Couple, verified: number | null): ShardTally {
  const { readAt, countedSince } = couple;
  const windowAt = world.now - WINDOW;
  const unread = isUnread(couple, verified);
  const isOld = unread && (readAt ?? -1e9) < windowAt;
  const brought = isOld ? 0 : couple.brought;
  const lost = new Set<unknown>();
  const unsure = new Set<unknown>();
  if (!isOld && readAt !== null && countedSince !== null) {
    for (const one of couple.differences) {
      if (!isLost(world, one, readAt, countedSince) || one.before <= readAt - WINDOW) continue;
      // Its write may lie before the window, or in it.
      (Math.max(one.after ?? -1e9, countedSince) >= readAt - WINDOW || countedSince < -1e8
        ? lost
        : unsure
      ).add(one.key);
    }
  }
  for (const key of lost) unsure.delete(key);
  const movedSince = Math.max(windowAt, countedSince === null ? -1e9 : (readAt ?? -1e9));
  const moved = [...couple.moved].filter(({ row }) => row && row.mirroredAt > movedSince).length;
  const unjudged = unread
    ? Math.max(1, moved, couple.inFlight)
    : countedSince === null
      ? Math.max(moved, couple.inFlight)
      : couple.inFlight;
  const unknown = unjudged + unsure.size;
  return {
    ...{ shard: `c${couple.n}`, total: brought + lost.size + unknown },
    ...{ differing: lost.size, unknown },
  };
}

function isLost(world: ModelWorld, one: Difference, readAt: number, countedSince: number): boolean {
  const { before, resolvedBy, resolvedAt, key } = one;
  const after = one.after ?? -1e9;
  if (before <= countedSince || before > readAt || after < countedSince) return false;
  if (resolvedBy !== null && !BY_HAND.includes(resolvedBy)) return false;
  if (key.directAt !== null && key.directAt > after && key.directAt <= before) return false;
  const { restoredAt } = world;
  if (restoredAt !== null && after <= restoredAt && before >= restoredAt) return false;
  const { row } = key;
  const isWrittenAgain =
    resolvedBy !== null &&
    resolvedBy !== 'direct' &&
    row?.origin === 'rtdb' &&
    row.mirroredAt > (resolvedAt ?? 0) &&
    row.mirroredAt <= readAt;
  return !isWrittenAgain;
}

/** What a judge says who holds both exports and the list of what was lost. */
export interface Truth {
  copy: number;
  mirror: number;
  /** The same without the couple that lost most. */
  copyWithoutWorst: number;
  mirrorWithoutWorst: number;
  written: number;
}

/** @param asOf up to when writes count */
export function truthOf(world: ModelWorld, asOf: number, window = WINDOW): Truth {
  const copy: Tally[] = [];
  const mirror: Tally[] = [];
  for (const couple of world.couples) {
    const [all, written] = [
      { total: 0, differing: 0, unknown: 0 },
      { total: 0, differing: 0, unknown: 0 },
    ];
    for (const key of world.keysOf(couple)) {
      const state = world.stateOf(key);
      if (state === 'agrees' || state === 'differs') all.total += 1;
      const last = key.writes.at(-1);
      const isOnItsWay = last && !last.isLost && last.outcome === null && last.value === key.rtdb;
      if (state === 'differs' && !isOnItsWay) all.differing += 1;
      const newest = key.writes.filter(({ at }) => at <= asOf).at(-1);
      if (newest === undefined || newest.at <= asOf - window) continue;
      written.total += 1;
      if (newest.isLost || newest.outcome === 'disabled') written.differing += 1;
    }
    copy.push(all);
    mirror.push(written);
  }
  return {
    ...{ copy: shareOf(copy), mirror: shareOf(mirror) },
    ...{
      copyWithoutWorst: shareOf(withoutWorst(copy)),
      mirrorWithoutWorst: shareOf(withoutWorst(mirror)),
    },
    written: mirror.reduce((sum, { total }) => sum + total, 0),
  };
}

function withoutWorst(tallies: Tally[]): Tally[] {
  if (tallies.length < 20) return tallies;
  const worst = Math.max(...tallies.map(({ differing }) => differing));
  const place = tallies.findIndex(({ differing }) => differing === worst);
  return tallies.filter((_, n) => n !== place);
}

function shareOf(tallies: readonly Tally[]): number {
  const sum = (of: (tally: Tally) => number) => tallies.reduce((all, one) => all + of(one), 0);
  const total = sum((tally) => tally.total);
  return total === 0 ? 1 : 1 - sum((tally) => tally.differing) / total;
}
