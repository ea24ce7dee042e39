/** The reserved couple of the function `mirrorCanary`: left out of every count (docs/consistency.md). */
export const CANARY_COUPLE = 'canary_canary-partner';

/** The two ids of it, which nobody else may have. */
export const CANARY_IDS: readonly string[] = CANARY_COUPLE.split('_');

/** The day of its rows, which is the day of no app; the shard of a path whose ref begins with the day. */
export const CANARY_DAY = '2000-01-01';

/** Whether a shard is the canary's own. */
export function isCanaryShard(shard: string | null): boolean {
  return shard === CANARY_COUPLE || shard === CANARY_DAY;
}
