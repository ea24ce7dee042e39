import { createRtdbTree, type RtdbTree } from '../../functions/src/completions-only/rtdb-tree';
import { type RtdbRest, rtdbRest } from '../../local/rtdb-rest';
import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';

const NAMESPACE = 'demo-quests-default-rtdb';

/** A running RTDB stand-in, written over REST and read as the reconciler reads. */
export interface StandinTree {
  standin: RtdbStandin;
  rest: RtdbRest;
  tree: RtdbTree;
  /** For the CLI and the functions. */
  env: Record<string, string>;
}

export async function startStandinTree(): Promise<StandinTree> {
  const standin = await startRtdbStandin();
  return {
    standin,
    rest: rtdbRest(standin.address, NAMESPACE),
    tree: treeAt(standin.address),
    env: { FIREBASE_DATABASE_EMULATOR_HOST: standin.address, GCLOUD_PROJECT: 'demo-quests' },
  };
}

/** The reconciler's reader on any server that answers RTDB's REST API. */
function treeAt(address: string, options: { timeoutMs?: number } = {}): RtdbTree {
  return createRtdbTree({
    database: { origin: `http://${address}`, namespace: NAMESPACE, instance: NAMESPACE },
    accessToken: async () => 'owner',
    firstPauseMs: 5,
    ...options,
  });
}
