import { z } from 'zod';
import { SERVICE_CONNECTIONS } from '../../deploy/service-connections';
import { read } from '../../deploy/settings';
import { query, type RowOf } from '../../postgres/statements';
import { type Check, type Diagnosis, ok, warn } from './check';
import { type Deployment, resolve } from './deployment';
import { type PoolerMode, probePooler } from './pooler';

/** How many connections a login that is no superuser may have. */
const LIMITS = query({
  text: `
select
  current_setting('max_connections')::integer
    - current_setting('superuser_reserved_connections')::integer
    - coalesce(nullif(current_setting('reserved_connections', true), ''), '0')::integer as of_server,
  nullif(role.rolconnlimit, -1) as of_login,
  nullif(d.datconnlimit, -1) as of_database
from pg_catalog.pg_roles as role, pg_catalog.pg_database as d
where role.rolname = current_user and d.datname = current_database()
`,
  params: {},
  row: {
    ofServer: z.number(),
    ofLogin: z.number().nullable(),
    ofDatabase: z.number().nullable(),
  },
});
type Limits = RowOf<typeof LIMITS>;

/** What all functions open at most, with every instance running: by function, the most first. Pure. */
export function connectionsOf(deployment: Deployment): { name: string; most: number }[] {
  const ofTrigger = read(deployment.values, 'DATABASE_POOL_MAX') ?? 1;
  const own: Readonly<Record<string, number | null>> = SERVICE_CONNECTIONS;
  return Object.entries(deployment.manifest.endpoints)
    .map(([name, { maxInstances }]) => {
      const text =
        typeof maxInstances === 'string' ? resolve(maxInstances, deployment) : maxInstances;
      // Google's own default of 2nd gen functions.
      const instances = Number(text ?? 100);
      const each = (Object.hasOwn(own, name) ? own[name] : null) ?? ofTrigger;
      return { name, most: instances * each };
    })
    .sort((a, b) => b.most - a.most);
}

/** Whether the server would take them all. Pure. */
export function connectionsCheck(
  functions: readonly { name: string; most: number }[],
  { ofServer, ofLogin, ofDatabase }: Limits,
  mode: PoolerMode,
): Diagnosis {
  const total = functions.reduce((sum, { most }) => sum + most, 0);
  const shown = functions
    .slice(0, 2)
    .map(({ name, most }) => `${name} ${most}`)
    .join(', ');
  const finding = `with all instances up to ${total} (${shown}, …)`;
  if (mode === 'transaction') {
    return ok(`${finding} clients of the pooler, whose limit isn't asked here`);
  }
  const limit = Math.min(ofServer, ofLogin ?? ofServer, ofDatabase ?? ofServer);
  if (total <= limit)
    return ok(`${finding} of ${limit} that this login may have, others' included`);
  return warn(
    `${finding}, and this login may have ${limit}, others' included`,
    'lower MAX_INSTANCES, or go through a pooler in transaction mode',
  );
}

export const CONNECTIONS_CHECK: Check = {
  name: 'connections',
  needs: 'postgres',
  async run({ deployment, statements, postgres }) {
    if (!('manifest' in deployment)) return deployment;
    const [limits, mode] = [await LIMITS.one(statements), await probePooler(postgres)];
    return connectionsCheck(connectionsOf(deployment), limits, mode);
  },
};
