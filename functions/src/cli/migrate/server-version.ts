import type { Client } from 'pg';
import { z } from 'zod';
import { ConfigurationError } from '../../errors/mirror-error';
import { query, statementsOn } from '../../postgres/statements';

const SERVER_VERSION = query({
  text: `
select
  current_setting('server_version') as version,
  current_setting('server_version_num')::integer as number
`,
  params: {},
  row: { version: z.string(), number: z.number() },
});

/** As `server_version_num` has it. Tested: 15 and 18. */
const OLDEST_VERSION = 150_000;

/** Whether the migrations and the functions' statements work on that server. Pure. */
export function isTooOld(versionNumber: number): boolean {
  return versionNumber < OLDEST_VERSION;
}

/**
 * Before the first migration, which an older server would refuse with a syntax error.
 *
 * @throws ConfigurationError in one line
 */
export async function refuseOldServer(client: Client): Promise<void> {
  const { version, number } = await SERVER_VERSION.one(statementsOn(client));
  if (!isTooOld(number)) return;
  throw new ConfigurationError(`The server is Postgres ${version}; the mirror needs 15 or newer.`);
}
