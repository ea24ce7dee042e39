import { type LocalPostgres, startPostgres } from '../../local/embedded-postgres';

/** How global-setup.ts tells the jest workers of the cluster that it made. */
export const CLUSTER_VARIABLE = 'QUEST_TEST_CLUSTER';

/** A server of a test's own, which it may break. */
export function startOwnServer(settings: Record<string, string> = {}): Promise<LocalPostgres> {
  const copyOf = process.env[CLUSTER_VARIABLE];
  return startPostgres({ settings, ...(copyOf ? { copyOf } : {}) });
}
