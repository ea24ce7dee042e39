import type { MirroredPath } from '../paths/mirrored-path';
import { instantOfMillis, millisOf, normalizeInstant } from '../values/event-time';
import type { ComparedKey } from './compare-key';
import { leafOfParts } from './look-at-shard';

/** Such a time lies ahead of the write. */
const IS_AHEAD = /expire/;

/**
 * The latest time that RTDB's value itself holds, up to the reading, by the columns that are instants; null = it
 * tells none. A phone says so: it shows that an excuse from before doesn't fit, and dates nothing. Pure.
 */
export function ownTimeOf(
  { parts, rtdb }: ComparedKey,
  path: MirroredPath,
  readAt: string,
): string | null {
  if (rtdb === null) return null;
  const leaf = leafOfParts(path, parts);
  // What it shows at two times is its own, and not that of its write.
  const earlier = instantOfMillis(millisOf(readAt) - 1_000) ?? readAt;
  const [one, another] = [readAt, earlier].map((at) => path.parseValue(rtdb, leaf, at));
  if (!one?.ok || !another?.ok) return null;
  const told = Object.entries(path.columns).flatMap(([name, type]) => {
    const shown = one.state.columns[name];
    if (type !== 'timestamp with time zone' || IS_AHEAD.test(name)) return [];
    if (typeof shown !== 'string' || shown !== another.state.columns[name]) return [];
    return normalizeInstant(shown) ?? [];
  });
  return (
    told
      .filter((at) => at <= readAt)
      .sort()
      .at(-1) ?? null
  );
}
