import { type DaySource, daysOfRtdb } from '../../functions/src/api/compare-day';
import type { RtdbAccess } from '../../functions/src/rtdb/rtdb-client';
import { type RtdbRest, rtdbRest } from '../../local/rtdb-rest';
import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';

const NAMESPACE = 'demo-quests-default-rtdb';

/** A running RTDB stand-in, written over REST. */
export interface StandinTree {
  standin: RtdbStandin;
  rest: RtdbRest;
  /** As the API reads it. */
  days: DaySource;
  /** RTDB as readings reach it. */
  access: RtdbAccess;
  /** For the CLI and the functions. */
  env: Record<string, string>;
}

export async function startStandinTree(): Promise<StandinTree> {
  const standin = await startRtdbStandin();
  return {
    standin,
    rest: rtdbRest(standin.address, NAMESPACE),
    days: daysOfRtdb(accessTo(standin.address), async () => {}),
    access: accessTo(standin.address),
    env: { FIREBASE_DATABASE_EMULATOR_HOST: standin.address, GCLOUD_PROJECT: 'demo-quests' },
  };
}

/** To any server that answers RTDB's REST API. */
function accessTo(address: string): RtdbAccess {
  return {
    database: { origin: `http://${address}`, namespace: NAMESPACE, instance: NAMESPACE },
    accessToken: async () => 'owner',
    firstPauseMs: 5,
  };
}
