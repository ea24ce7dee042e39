import { type LocalPostgres, startPostgres } from '../../local/embedded-postgres';

/** How the global set-up tells the jest workers of the cluster that it made. */
export const CLUSTER_VARIABLE = 'QUEST_TEST_CLUSTER';
/** And whose programs it belongs to, where not those that npm installed. */
export const BIN_FOLDER_VARIABLE = 'QUEST_TEST_POSTGRES_BIN';

/** A server of a test's own, which it may break. */
export function startOwnServer(
  settings: Record<string, string> = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<LocalPostgres> {
  const copyOf = env[CLUSTER_VARIABLE];
  const binFolder = env[BIN_FOLDER_VARIABLE];
  return startPostgres({
    settings,
    ...(copyOf ? { copyOf } : {}),
    ...(binFolder ? { binFolder } : {}),
  });
}
