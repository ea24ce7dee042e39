import type { Context } from './context';
import { startDelayProxy } from './delay-proxy';
import { median } from './statistics';

/**
 * Runs work against Postgres at an added round trip: through the proxy, or for 0 ms directly, all
 * contenders alike. Tells it the port, and the round trip as it was measured.
 */
export async function withDelay(
  { databases }: Pick<Context, 'databases'>,
  roundTripMs: number,
  work: (postgresPort: number, measuredRoundTripMs: number) => Promise<void>,
): Promise<void> {
  const proxy = roundTripMs > 0 ? await startDelayProxy(databases.port, roundTripMs) : null;
  const port = proxy?.port ?? databases.port;
  try {
    await work(port, median(await databases.roundTripMs(port)));
  } finally {
    proxy?.stop();
  }
}
