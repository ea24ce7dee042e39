import { startRtdbStandin } from '../../rtdb-standin/server';
import type { DatabaseAddress } from '../rtdb-standin/support/sdk';

/** Whose host and port; CI names the official emulator here, one test file at a time. */
const HOST_VARIABLE = 'QUEST_TEST_DATABASE_HOST';

/** What judges by the rules: a stand-in of the test file's own, or what the environment names. */
export async function startRulesDatabase(): Promise<
  DatabaseAddress & { stop: () => Promise<void> }
> {
  const address = process.env[HOST_VARIABLE];
  if (!address) return startRtdbStandin();
  const { hostname: host, port } = new URL(`http://${address}`);
  return { address, host, port: Number(port), stop: async () => {} };
}
