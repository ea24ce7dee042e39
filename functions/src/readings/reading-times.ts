import type { MirroredPath } from '../paths/mirrored-path';
import { instantOfMillis, millisOf } from '../values/event-time';
import { everyMsFor, type ProofTimes } from './proof-times';
import type { ShardState } from './shard-state';

const DAY_MS = 24 * 60 * 60 * 1000;

type Reading = NonNullable<ShardState['reading']>;

/**
 * Since when a whole reading counts what events brought: the newest whole reading that is a window old, but none
 * before the mirror had caught up with the last gap; '-infinity' for a shard that was born after all had been
 * read once; null where nothing tells. Pure.
 */
export function countedSince(
  { reading, readAt, pathBooks }: Pick<ShardState, 'reading' | 'readAt' | 'pathBooks'>,
  { windowMs }: Pick<ProofTimes, 'windowMs'>,
): string | null {
  const whole = reading?.whole_at ?? [];
  const oldest = instantOfMillis(millisOf(readAt) - windowMs) ?? '';
  const aged = whole.filter((at) => at <= oldest).at(-1);
  const base = aged ?? bornLate(reading, pathBooks.first_pass_at) ?? whole[0] ?? null;
  const caughtUp = reading?.caught_up_at ?? null;
  if (base === null || caughtUp === null) return base;
  // '-infinity' sorts before every instant.
  return [base, caughtUp].sort().at(-1) ?? base;
}

function bornLate(reading: Reading | null, passedAt: string | null): '-infinity' | null {
  if (passedAt === null || reading === null || reading.first_seen_at <= passedAt) return null;
  const isYoung = reading.read_at === null || reading.counted_since === '-infinity';
  return isYoung ? '-infinity' : null;
}

/**
 * When a reading of all of it had caught up with the last gap in mirroring: the first one that did; '-infinity' for a
 * shard that was born since, of which a listing after the gap showed nothing yet. Pure.
 */
export function caughtUpAt(
  { reading, readAt, pathBooks }: Pick<ShardState, 'reading' | 'readAt' | 'pathBooks'>,
  isFull: boolean,
): string | null {
  const { gap_at: gapAt, listed_before: listedBefore } = pathBooks;
  const known = reading?.caught_up_at ?? null;
  const fullAt = reading?.full_at ?? null;
  if (!isFull || gapAt === null || readAt < gapAt) return known;
  if (known !== null && (known === '-infinity' ? (fullAt ?? '') : known) >= gapAt) return known;
  const isBornSince =
    fullAt === null &&
    listedBefore !== null &&
    listedBefore >= gapAt &&
    (reading?.first_seen_at ?? readAt) > listedBefore;
  return isBornSince ? '-infinity' : readAt;
}

/** When a shard is wanted next. Pure. */
export function nextDue(
  { reading, readAt }: ShardState,
  set: { isWhole: boolean; isFull: boolean; hasSuspects: boolean },
  { path, shard, shards }: { path: MirroredPath; shard: string; shards: number },
  times: ProofTimes,
): string {
  const nowMs = millisOf(readAt);
  const wholeMs = set.isWhole ? nowMs : millisOf(reading?.read_at ?? readAt);
  const fullMs = set.isFull ? nowMs : millisOf(reading?.full_at ?? readAt);
  const dueMs = Math.min(
    wholeMs + everyMsFor(times, shards),
    fullMs + fullEveryMs(times, path, shard),
    set.hasSuspects ? nowMs + times.graceMs : Number.POSITIVE_INFINITY,
  );
  return instantOfMillis(dueMs) ?? readAt;
}

/** When a shard is wanted again of which a row moved during this reading. Pure. */
export function touchedAgainAt(
  { readAt }: Pick<ShardState, 'readAt'>,
  { touchedEveryMs }: Pick<ProofTimes, 'touchedEveryMs'>,
): string {
  return instantOfMillis(millisOf(readAt) + touchedEveryMs) ?? readAt;
}

/** Less up to a tenth, by the shard: else all would be due at once again, as they were first read. */
export function fullEveryMs(
  { fullEveryMs: every }: Pick<ProofTimes, 'fullEveryMs'>,
  { dayColumn }: Pick<MirroredPath, 'dayColumn'>,
  shard: string,
): number {
  let hash = 0;
  for (let place = 0; place < shard.length; place += 1) {
    hash = (hash * 31 + shard.charCodeAt(place)) % HASHES;
  }
  return (dayColumn === null ? every.undated : every.dated) * (0.9 + (0.1 * hash) / HASHES);
}

const HASHES = 1_000_003;

/**
 * When a reading last looked at this key: the write that is missing came later. A whole reading looks at the days,
 * or keys, that may have changed; the rest is older. Pure.
 *
 * @param presence whether one store lacks the key: without a day, a whole reading knows the set of keys
 */
export function lastLookAt(
  { reading }: Pick<ShardState, 'reading'>,
  { day, presence, movedAt }: { day: string | null; presence: boolean; movedAt: string | null },
  { reconcileDays }: Pick<ProofTimes, 'reconcileDays'>,
): string | null {
  const readAt = reading?.read_at ?? null;
  const fullAt = reading?.full_at ?? null;
  if (readAt === null || fullAt === null || fullAt >= readAt) return fullAt ?? readAt;
  if (day !== null) {
    const from = reading?.read_from ?? null;
    return from !== null && day >= from ? readAt : fullAt;
  }
  const wasRead = movedAt !== null && millisOf(movedAt) > millisOf(readAt) - reconcileDays * DAY_MS;
  return presence || wasRead ? readAt : fullAt;
}
