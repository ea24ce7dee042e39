import type { Context } from './context';
import { startDelayProxy } from './delay-proxy';
import { median } from './statistics';

/** How the contenders of a condition reach Postgres. */
export interface Link {
  port: number;
  /** The round trip as it was measured. */
  measuredRoundTripMs: number;
  /** What contenders have sent to Postgres so far; null without a proxy. */
  sentBytes(): Promise<number | null>;
}

/**
 * Runs work against Postgres at an added round trip: through the proxy, or for 0 ms directly, all
 * contenders alike.
 */
export async function withDelay(
  { databases }: Pick<Context, 'databases'>,
  roundTripMs: number,
  work: (link: Link) => Promise<void>,
): Promise<void> {
  const proxy = roundTripMs > 0 ? await startDelayProxy(databases.port, roundTripMs) : null;
  const port = proxy?.port ?? databases.port;
  try {
    await work({
      port,
      measuredRoundTripMs: median(await databases.roundTripMs(port)),
      sentBytes: async () => (proxy === null ? null : proxy.sentBytes()),
    });
  } finally {
    proxy?.stop();
  }
}
