const DAY_MS = 86_400_000;
/** UTC+14, the zone that is farthest ahead. */
const FARTHEST_ZONE_MS = 14 * 3_600_000;

/** As old as the tombstones that `purge` keeps by default. */
export const CLAIMABLE_DAYS = 7;

/**
 * The days that a client's claim may be of: not ahead of any phone's zone, and none so old that
 * `purge` may have removed its tombstones, or a late claim would revive what was deleted. Pure.
 */
export function claimableDays(now: Date): { firstDay: string; lastDay: string } {
  const dayAt = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  return {
    firstDay: dayAt(now.getTime() - CLAIMABLE_DAYS * DAY_MS),
    lastDay: dayAt(now.getTime() + FARTHEST_ZONE_MS),
  };
}
