import type { Client } from 'pg';
import { ConfigError } from '../../errors/usage-error';

/** As `server_version_num` has it. Tested: 15 and 18. */
const OLDEST_VERSION = 150_000;

/** Whether the migrations and the functions' statements work on that server. Pure. */
export function isTooOld(versionNumber: number): boolean {
  return versionNumber < OLDEST_VERSION;
}

/**
 * Before the first migration, which an older server would refuse with a syntax error.
 *
 * @throws ConfigError in one line
 */
export async function refuseOldServer(client: Client): Promise<void> {
  const { rows } = await client.query<{ version: string; number: number }>(
    `select current_setting('server_version') as version,
       current_setting('server_version_num')::integer as number`,
  );
  const [server] = rows;
  if (!server || !isTooOld(server.number)) return;
  throw new ConfigError(`The server is Postgres ${server.version}; the mirror needs 15 or newer.`);
}
